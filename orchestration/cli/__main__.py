"""`python -m orchestration.cli`, where `kizuna` is not on the path."""

from orchestration.cli import main

main()
