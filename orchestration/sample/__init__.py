"""A made-up Japanese shop whose truths are known: exports of every feed, deterministic by seed."""

from orchestration.sample.shop import LAST_DAY, write_sample

__all__ = ["LAST_DAY", "write_sample"]
