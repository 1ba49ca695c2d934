"""The fuzz pack: `python -m fuzz.pack DIR` (in tests/) writes its files and manifest.json."""

import json
import os
import sys
from functools import cache
from pathlib import Path

from fuzz import packed, several, tables, texts, values
from fuzz.case import Case

STAMP = 1_700_000_000  # of every file, so that no clock decides what lies ahead


def all_cases() -> list[Case]:
    return [case for module in (values, texts, packed, tables, several) for case in module.cases()]


@cache
def systems() -> dict[str, Case]:
    """Every case as a system of its own."""
    return {f"s{number:03}": case for number, case in enumerate(all_cases())}


def write_company(folder: Path, only: str = "") -> None:
    """A company folder with every case in it, or those whose names hold a word."""
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    (folder / "company.yml").write_text("max_quarantined_share: '99 %'\n")
    manifest = {}
    for system, case in systems().items():
        if only not in case.name:
            continue
        if case.mapping:
            (folder / "mappings" / f"{system}.yml").write_text(case.mapping, encoding="utf-8")
        for name, content in case.files.items():
            path = folder / "landing" / system / case.feed / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (STAMP, STAMP))
        manifest[system] = case.manifest()
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    (folder / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_company(Path(sys.argv[1]))
