"""Drafting: a mapping proposed for a file that nobody knows, by its columns' names and content."""

import codecs
import csv
import difflib
import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import yaml

from orchestration.company import Company
from orchestration.configuration import ConfigError
from orchestration.contract import Column, Feed, load_contract
from orchestration.ingest import duck, spellings
from orchestration.ingest.reading import Layout, extensions_of, read_table
from orchestration.ingest.unpacking import CHUNK, TEXT_FORMATS, RejectedError, form_of, unpack
from orchestration.recognition import shipped

NAMES = Path(__file__).with_name("names.yml")
ROWS = 1_000  # that are looked at
ENCODINGS = ("utf-8", "cp932")  # tried in turn; told in the draft
DELIMITERS = ",\t;|"
LIKE = 0.82  # of two names' letters, from which they may mean the same
FITS = 0.9  # of a column's filled cells that are of a type, from which it is taken for it
MORE_FEEDS = 3  # that are named beside the likeliest
TYPED = {"integer": "to_integer", "decimal": "to_decimal", "boolean": "slow_boolean"}


@dataclass(frozen=True)
class Seen:
    """A column of the file: its name, and what its first rows hold."""

    name: str
    filled: float  # share of the rows
    distinct: int
    types: frozenset[str]  # of the contract, that its cells can be read as


@dataclass(frozen=True)
class Guess:
    """A column of a feed and the column of the file that may be it, and why."""

    column: Column
    seen: Seen
    likeness: float  # 1 where the names are the same


def write_draft(company: Company, path: Path, system: str | None) -> Path:
    """Write mappings/<system>.yml for a file that nobody knows; never over one that is there.

    Raises ConfigError, or RejectedError where the file cannot be read at all.
    """
    name = system or re.sub(r"\W+", "_", path.name.split(".")[0]).strip("_").lower() or "export"
    target = company.mappings / f"{name}.yml"
    if target.exists():
        raise ConfigError(
            f"{target} is there, and does not know {path.name} by its `recognised_by`: mend it, or"
            " say another --system"
        )
    work = company.work / "draft"
    try:
        layout, seen = _look(path, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    (feed, guesses), *others = _likeliest(seen)
    resembled = [other.name for other, its in others[:MORE_FEEDS] if its]
    lines = _draft(path, layout, seen, feed, guesses, resembled)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


# ---- what the file holds


def _look(path: Path, work: Path) -> tuple[Layout, list[Seen]]:
    form = form_of(path.name)
    layout = _layout(path, work) if form.format in TEXT_FORMATS else Layout()
    with duck.connect(work, path.resolve(), extensions=extensions_of(form)) as connection:
        spellings.install(connection)
        table = read_table(connection, path, form, work / "read", layout)
        cells = ", ".join(f"cell(c{i}) as c{i}" for i in range(len(table.columns)))
        connection.execute(f"create table seen as select {cells} from ({table.sql}) limit {ROWS}")
        return layout, [_seen(connection, f"c{i}", label) for i, label in enumerate(table.columns)]


def _layout(path: Path, work: Path) -> Layout:
    """Encoding and delimiter as the first lines suggest."""
    form = form_of(path.name)
    plain = unpack(path, form, (), work / "unpacked")
    with plain.open("rb") as file:
        head = file.read(CHUNK)
    for encoding in ENCODINGS:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        try:
            delimiter = csv.Sniffer().sniff(text[:10_000], DELIMITERS).delimiter
        except csv.Error:
            delimiter = ","
        usual = "\t" if form.format == "tsv" else ","
        return Layout(
            (encoding,) if encoding != ENCODINGS[0] else (),
            (delimiter,) if delimiter != usual and form.format != "jsonl" else (),
        )
    raise RejectedError(f"neither {' nor '.join(ENCODINGS)}: save it in UTF-8")


def _seen(connection: duckdb.DuckDBPyConnection, cell: str, name: str) -> Seen:
    readable = ", ".join(f"count({function}({cell}))" for function in TYPED.values())
    row = connection.execute(f"""
        select count(*), count({cell}), count(distinct {cell}),
            count(local_moment(moment_parts({cell}))), {readable}
        from seen
    """).fetchone()
    rows, filled, distinct, moments, *typed = row or (0,) * 7
    counts = {"date": moments, "timestamp": moments, **dict(zip(TYPED, typed, strict=True))}
    types = {kind for kind, count in counts.items() if filled and count >= FITS * filled}
    return Seen(name, filled / rows if rows else 0, distinct, frozenset(types))


# ---- what it may be


def _likeliest(seen: Sequence[Seen]) -> list[tuple[Feed, list[Guess]]]:
    """Feeds that the file may be, the likeliest first; columns that a feed needs count most."""

    def fit(found: tuple[Feed, list[Guess]]) -> float:
        feed, guesses = found
        there = sum(guess.likeness * (1 + guess.column.required) for guess in guesses)
        names = {guess.column.name for guess in guesses}
        return there - sum(column.required and column.name not in names for column in feed.columns)

    return sorted(((f, list(_guesses(f, seen))) for f in load_contract()), key=fit, reverse=True)


def _guesses(feed: Feed, seen: Sequence[Seen]) -> Iterator[Guess]:
    """Each column of the feed with the likeliest column of the file, each of these once."""
    pairs = [
        Guess(column, one, likeness)
        for column in feed.columns
        for one in seen
        if _may_hold(column, one) and (likeness := _likeness(feed, column, one)) >= LIKE
    ]
    columns, used = set(), set()
    for guess in sorted(pairs, key=lambda g: -g.likeness):
        if guess.column.name not in columns and guess.seen.name not in used:
            columns.add(guess.column.name)
            used.add(guess.seen.name)
            yield guess


def _may_hold(column: Column, seen: Seen) -> bool:
    return column.type in ("string", "text") or column.type in seen.types


def _likeness(feed: Feed, column: Column, seen: Seen) -> float:
    name = _letters(seen.name)
    return max(
        difflib.SequenceMatcher(None, name, known).ratio()
        for known in names_of()[feed.name, column.name]
    )


@cache
def names_of() -> dict[tuple[str, str], set[str]]:
    """How exports call each column of each feed: its own name, what is often used, and what the
    mappings that come with Kizuna know.
    """
    often = yaml.safe_load(NAMES.read_text(encoding="utf-8"))
    names = {
        (feed.name, column.name): {_letters(n) for n in (column.name, *often.get(column.name, ()))}
        for feed in load_contract()
        for column in feed.columns
    }
    for mapping in shipped().values():
        others = {
            name: also for files in mapping.files.values() for name, also in files.aliases.items()
        }
        for feed, parts in mapping.feeds.items():
            for part in parts:
                for column, source in part.columns.items():
                    called = (source.column or source.source or "").strip('"')
                    if called and "(" not in called:
                        known = {called, *others.get(called, ())}
                        names[feed, column] |= {_letters(name) for name in known}
    return names


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).lower())


# ---- the draft


def _draft(
    path: Path,
    layout: Layout,
    seen: Sequence[Seen],
    feed: Feed,
    guesses: Sequence[Guess],
    resembled: Sequence[str],
) -> Iterator[str]:
    name = re.sub(r"\W+", "_", path.name.split(".")[0]).strip("_") or "export"
    entry = name if name.isidentifier() else f"file_{name}"
    yield f"# A draft for {path.name}, from the names of its columns and its first {ROWS:,} rows."
    yield "# Nothing of it counts before you have looked at it. docs/mappings.md explains the keys."
    yield ""
    yield "files:"
    yield f"  {entry}:"
    yield f"    match: [{_text(entry + '/*')}]"
    if layout.encodings:
        yield f"    encoding: {layout.encodings[0]}  # it is not UTF-8 and could be this"
    if layout.delimiters:
        yield f"    delimiter: {_text(layout.delimiters[0])}"
    yield f"    recognised_by: [{', '.join(_text(one.name) for one in seen)}]"
    yield ""
    yield f"# It resembles {feed.name} most; then {', '.join(resembled) or 'nothing'}."
    yield "feeds:"
    yield f"  {feed.name}:"
    yield f"    from: {entry}"
    yield "    columns:" if guesses else "    columns: {}"
    by_column = {guess.column.name: guess for guess in guesses}
    for column in feed.columns:
        if guess := by_column.get(column.name):
            sure = "by its name" if guess.likeness == 1 else f"{guess.likeness:.0%} alike"
            source = f"{{column: {_text(guess.seen.name)}}}"
            yield f"      {column.name}: {source}  # {sure}; {_told(guess.seen)}"
        elif column.required:
            kind = f" of {', '.join(column.enum)}" if column.enum else f", a {column.type}"
            yield f"      # {column.name}: ?  # needed{kind}; no column is like it"
    used = {guess.seen.name for guess in guesses}
    if rest := [one for one in seen if one.name not in used]:
        yield "      # not used so far:"
        for one in rest:
            yield f"      #   {_text(one.name)}: {_told(one)}"
    if absent := [c.name for c in feed.columns if c.name not in by_column and not c.required]:
        yield f"      # what the feed can also hold: {', '.join(absent)}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _told(seen: Seen) -> str:
    """What a column holds, without a value: it may be a person's."""
    kinds = ", ".join(sorted(seen.types)) or "text"
    return f"{seen.filled:.0%} filled, {seen.distinct:,} values, {kinds}"
