"""A process with dbt imported, which runs it over the project as it was parsed before, once an
`Order` comes on its standard input: `python -m orchestration.parsed PID`.

dbt alone parses the whole project anew whenever a var changes, and the as-of date is one. What
it may decide while parsing depends on no var but `event_times`, which is of the project's own
contract; where raw and the seeds lie is put in here.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from dbt.cli.main import cli
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import SeedNode
from dbt.parser.manifest import extended_mashumuro_decoder

from orchestration.dbt import ELSEWHERE, Order
from orchestration.unheard import pass_over_unheard

LOOKS = 0.1  # seconds between two looks whether the night lives


def load_manifest(path: Path, raw: str, seeds: str) -> Manifest:
    """The manifest in dbt's own file of a parsed project, for one company's folders."""
    manifest = Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
    place = raw.replace("{", "{{").replace("}", "}}")  # which dbt-duckdb fills in
    for source in manifest.sources.values():
        for meta in (source.meta, source.source_meta, source.config.meta):
            if "external_location" in meta:
                meta["external_location"] = meta["external_location"].replace(ELSEWHERE, place)
    for node in manifest.nodes.values():
        if isinstance(node, SeedNode):
            node.original_file_path = f"{seeds}/{node.name}.csv"
    manifest.build_flat_graph()
    return manifest


def run(order: Order) -> None:
    """Become dbt's command line for what is asked; ends the process."""
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["dbt", *order["arguments"]]
    pass_over_unheard()
    cli(obj={"manifest": load_manifest(Path(order["parsed"]), order["raw"], order["seeds"])})


def end_with(parent: int) -> None:
    """End as soon as the process is gone that started this one: when a night is killed, what it
    started must not go on beside the next.
    """
    while os.getppid() == parent:
        time.sleep(LOOKS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=[int(sys.argv[1])], daemon=True).start()
    if told := sys.stdin.read():
        run(json.loads(told))
