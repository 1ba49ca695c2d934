"""CSV for people's spreadsheets, in which no cell is a formula."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

# With what a cell begins that a spreadsheet works out, in the full width of Japan too.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows for a spreadsheet, to be read by their owner alone: UTF-8 with the mark by which
    it is known there, and an apostrophe before text that it would work out; numbers stay.
    """
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(opened, 0o600)  # of one that was there already
    with open(opened, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_cell(name) for name in names])
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(FORMULAS)
    return f"'{value}" if is_formula else value
