"""Pages of docs/ that follow from what is declared elsewhere: the vendors' mappings, the feeds."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from orchestration.contract import LOADS, STAGING, Feed, load_contract
from orchestration.ingest.language import Mapping
from orchestration.recognition import shipped
from orchestration.settings import ROOT

SOURCES = ROOT / "docs" / "sources.md"

INTRODUCTION = """\
# Sources: what can be delivered, and how to get it 取り込めるデータと入手方法

`kizuna add FILE …` knows these exports by their headers, whatever the files are called. Whatever
is not here comes by a mapping of your own ([mappings.md](mappings.md)), or as a canonical file of
one of the feeds below.

`kizuna add ファイル…` は下記のエクスポートを見出し行で判別します(ファイル名は問いません)。
ここにないものは独自のマッピング([mappings.md](mappings.md))か、下記フィードの標準形式で取り込めます。

This page is made of the mappings in [orchestration/vendors/](../orchestration/vendors/) and of
the feed contract, by `python -m orchestration.pages`."""


def sources() -> str:
    """The page docs/sources.md."""
    vendors = sorted(shipped().items(), key=lambda item: item[1].title.lower())
    parts = [
        INTRODUCTION,
        "\n".join(_overview(vendors)),
        *("\n".join(_vendor(name, mapping)) for name, mapping in vendors),
        "## Feeds フィード",
        *("\n".join(_feed(feed)) for feed in load_contract()),
    ]
    return "\n\n".join(parts) + "\n"


def _overview(vendors: list[tuple[str, Mapping]]) -> Iterator[str]:
    yield "| product | mapping | becomes |"
    yield "| --- | --- | --- |"
    for name, mapping in vendors:
        feeds = ", ".join(f"`{feed}`" for feed in mapping.feeds)
        yield f"| [{mapping.title}](#{_anchor(mapping.title)}) | `{name}` | {feeds} |"


def _vendor(name: str, mapping: Mapping) -> Iterator[str]:
    yield f"## {mapping.title}\n"
    yield f"{mapping.description} In `company.yml`: `shop: {{mapping: {name}}}`."
    for entry, files in mapping.files.items():
        makes = ", ".join(
            f"`{feed}`" for feed in mapping.feeds if entry in mapping.inputs[f"feed {feed}"]
        )
        yield f"\n**{entry}** → {makes}\n"
        if files.obtain:
            yield f"- {files.obtain.en}"
            yield f"- {files.obtain.ja}"
    if mapping.parameters:
        yield "\n| parameter | | unless said |"
        yield "| --- | --- | --- |"
        for parameter, told in mapping.parameters.items():
            default = "it must be said" if told.default is None else f"`{told.default}`"
            yield f"| `{parameter}` | {_cell(told.description)} | {default} |"
    if mapping.cannot_tell:
        yield "\n| it cannot tell | why | 理由 |"
        yield "| --- | --- | --- |"
        for untold in mapping.cannot_tell:
            what = f"`{untold.feed}.{untold.column}`"
            yield f"| {what} | {_cell(untold.en)} | {_cell(untold.ja)} |"


def _feed(feed: Feed) -> Iterator[str]:
    described = _descriptions()[feed.name]
    yield f"### {feed.name}\n"
    key = ", ".join(f"`{name}`" for name in feed.key)
    yield f"{described['']} Key: {key}; {LOADS[feed.load]}.\n"
    yield "| column | type | | meaning |"
    yield "| --- | --- | --- | --- |"
    for column in feed.columns:
        needed = "needed" if column.required else ""
        marks = ", ".join(mark for mark in (needed, "personal" if column.pii else "") if mark)
        values = f" One of {', '.join(column.enum)}." if column.enum else ""
        meaning = described.get(column.name, "When the row was last changed.")
        yield f"| `{column.name}` | {column.type} | {marks} | {_cell(meaning + values)} |"


def _descriptions() -> dict[str, dict[str, str]]:
    """Per feed its own description (under no name) and those of its columns."""
    return {
        table["name"]: {"": table["description"]}
        | {column["name"]: column.get("description", "") for column in table.get("columns", ())}
        for path in sorted(STAGING.glob("*/_*.yml"))
        for source in yaml.safe_load(path.read_text(encoding="utf-8")).get("sources", ())
        for table in source["tables"]
    }


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(title: str) -> str:
    kept = "".join(sign for sign in title.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def write(path: Path = SOURCES) -> None:
    path.write_text(sources(), encoding="utf-8")


if __name__ == "__main__":
    write()
