"""Adding: exports known by their headers, shown as they would arrive, and then taken in."""

import shutil
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from orchestration.company import CONFIG, Company, System
from orchestration.configuration import ConfigError, unknown
from orchestration.contract import feeds_by_name
from orchestration.disk import digest, make_folder, rename_in
from orchestration.ingest import duck
from orchestration.landing import FeedReport, Landing
from orchestration.ledger import export_file
from orchestration.recognition import Recognised, recognise

SHOWN_ROWS = 3
SHOWN_BAD = 10
LONG_LINE = 1_000  # so that no line of company.yml is broken anew
TOKEN = "…"  # in place of what would be kept as a token
PREVIEW = "preview"  # the run, and the work folder, of looking at a file


@dataclass(frozen=True)
class Offer:
    """A file, what it was known as, and the system that it would come from."""

    path: Path
    known: Recognised
    system: str
    day: date  # on which it is added

    @property
    def place(self) -> str:
        """Where it would lie below landing/: what belongs together in one folder a day."""
        folder = f"{self.day}/" if self.known.together else ""
        name = self.path.name
        if self.known.in_folder:
            name = f"{self.path.resolve().parent.name}/{name}"
        return f"{self.system}/{folder}{self.known.entry}/{name}"


@dataclass(frozen=True)
class Bad:
    """A row that would be quarantined."""

    feed: str
    line: int | None
    column: str | None
    value: str | None
    reason: str


@dataclass
class Preview:
    """What the next night would make of the files, were they delivered as they are."""

    reports: dict[str, FeedReport] = field(default_factory=dict)  # of feeds with rows or rejected
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # the first per feed
    bad: list[Bad] = field(default_factory=list)  # the first of all
    rejected: dict[str, str] = field(default_factory=dict)


def parameters(told: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE, the value as YAML; raises ConfigError."""
    read = {}
    for text in told:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigError(f"--set {text}: write it as NAME=VALUE")
        try:
            read[name] = YAML(typ="safe").load(value) if value else ""
        except YAMLError as error:
            problem = getattr(error, "problem", None) or "cannot be read"
            raise ConfigError(f"--set {text}: the value is no YAML: {problem}") from None
    return read


def known_as(company: Company, path: Path, named: str | None) -> list[Recognised]:
    """What a file can be; of several, those that `named` (a mapping or a feed) means."""
    found = recognise(path, company.work / PREVIEW, company.mappings)
    if named is None:
        return found
    wanted = [one for one in found if named in (one.mapping, one.stem, one.entry)]
    if found and not wanted:
        raise ConfigError(f"{path}: {unknown('name', named, [one.stem for one in found])}")
    return wanted


def system_of(company: Company, known: Recognised, named: str | None) -> str:
    """The system that the file comes from: the one named, else called after the vendor."""
    if named is None and known.mapping is None:
        raise ConfigError(
            f"its columns are those of the feed {known.entry}: say with --system what to call the"
            " system that exports it"
        )
    name = named or known.stem
    used = company.system(name).mapping
    if name in company.systems and known.mapping != used:
        raise ConfigError(
            f"system `{name}` is read by {used or 'no mapping'}, and this file by"
            f" {known.mapping or 'none'}: choose another --system"
        )
    return name


def entry_for(company: Company, offer: Offer, parameters: Map[str, Any]) -> System:
    """What company.yml would say of the offer's system: the columns of a survey and more of them.

    Raises ConfigError for another value than the one by which its files were read so far.
    """
    before = company.system(offer.system)
    said = dict(before.parameters)
    for name, value in parameters.items():
        old = said.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            value = {**old, **value}
        elif old is not None and str(old) != str(value):
            raise ConfigError(
                f"system `{offer.system}` has {name} {old}, by which all its files are read: choose"
                f" another --system for {name} {value}"
            )
        said[name] = value
    return before.model_copy(update={"mapping": offer.known.mapping, "parameters": said})


def preview(
    company: Company, offers: Sequence[Offer], systems: Map[str, System], as_of: date
) -> Preview:
    """Land the files in a folder aside, by the very code of the night, and look at the result.

    Raises ConfigError where the mapping needs to know more of the company.
    """
    aside = company.work / PREVIEW / "company"
    shutil.rmtree(aside, ignore_errors=True)
    lenient = company.settings.model_copy(update={"max_quarantined_share": 1.0})
    copy = replace(company, folder=aside, settings=lenient, systems={**company.systems, **systems})
    for offer in offers:
        _copy(offer.path, copy.landing / offer.place)
    if company.mappings.is_dir():
        shutil.copytree(company.mappings, copy.mappings)
    try:
        landing = Landing(copy, as_of, PREVIEW)
        reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        seen = Preview(
            {name: report for name, report in reports.items() if report.files},
            rejected=landing.rejected,
        )
        with duck.connect(aside / "temp", copy.raw) as connection:
            for name, report in seen.reports.items():
                seen.rejected |= report.rejected
                if report.rows_loaded:
                    seen.rows[name] = _first_rows(connection, copy, name)
            seen.bad = _bad_rows(connection, copy)
        return seen
    finally:
        shutil.rmtree(company.work / PREVIEW, ignore_errors=True)


def take_in(company: Company, offers: Sequence[Offer], systems: Map[str, System]) -> list[Path]:
    """Put the files into landing/ and the systems into company.yml; where they lie now."""
    taken = []
    for offer in offers:
        path = company.landing / offer.place
        if path.exists() and digest(path) != digest(offer.path):
            raise ConfigError(
                f"{path}: another file of that name was delivered before; rename the new one,"
                " or replace it yourself if it is to take the place of the old"
            )
        _copy(offer.path, path)
        taken.append(path)
    _write_systems(company, systems)
    return taken


def _copy(path: Path, to: Path) -> None:
    """A copy that is whole under its name, or is not there."""
    make_folder(to.parent)
    aside = to.with_name(f".{to.name}")
    shutil.copyfile(path, aside)
    shutil.copystat(path, aside)
    rename_in(aside, to)


def _write_systems(company: Company, systems: Map[str, System]) -> None:
    """Say the systems in company.yml, every comment in it kept."""
    path = company.folder / CONFIG
    said = {name: system.model_dump(exclude_defaults=True) for name, system in systems.items()}
    text = path.read_text(encoding="utf-8-sig")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = LONG_LINE
    content = yaml.load(text)
    known = (content or {}).get("systems")
    new = StringIO()
    if known:
        known.update({name: entry for name, entry in said.items() if entry or name in known})
        yaml.dump(content, new)
    else:
        new.write(text.rstrip("\n") + "\n\n")
        yaml.dump({"systems": {name: entry for name, entry in said.items() if entry}}, new)
    if any(said.values()):
        aside = path.with_name(f".{path.name}")
        aside.write_text(new.getvalue(), encoding="utf-8")
        rename_in(aside, path)


def _first_rows(
    connection: duckdb.DuckDBPyConnection, company: Company, name: str
) -> list[dict[str, Any]]:
    """The first rows of a feed as they would stand in raw, tokens told as such."""
    feed = feeds_by_name()[name]
    raw = duck.path(company.raw / feed.source / name)
    columns = [column.name for column in feed.columns]
    rows = connection.execute(f"""
        select {", ".join(columns)}
        from read_parquet({raw} || '/load_id=0*/*.parquet', union_by_name = true)
        order by source_file, source_row limit {SHOWN_ROWS}
    """).fetchall()
    hidden = {column.name for column in feed.columns if column.pii}
    return [
        {
            column: TOKEN if column in hidden else value
            for column, value in zip(columns, row, strict=True)
            if value is not None
        }
        for row in rows
    ]


def _bad_rows(connection: duckdb.DuckDBPyConnection, company: Company) -> list[Bad]:
    rows = connection.execute(f"""
        select feed, line, column_name, value, reason
        from read_parquet({duck.path(export_file(company.raw, "quarantined_rows"))})
        where line is not null
        order by line, feed limit {SHOWN_BAD}
    """).fetchall()
    return [Bad(*row) for row in rows]
