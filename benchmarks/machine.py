"""What a figure was measured on: it says little without."""

import os
import platform
from datetime import date
from pathlib import Path

import duckdb


def describe_machine() -> str:
    """One line: date, processor, cores, memory, load, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load, *_ = os.getloadavg()
    return (
        f"{date.today()}, {_processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB,"
        f" load {load:.1f}, Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
