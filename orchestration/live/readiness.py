"""Readiness: what must be right of other machines before a night touches anything."""

from collections.abc import Iterator
from importlib.util import find_spec

from orchestration.company import ALERTS, CONFIG, Company, locate
from orchestration.configuration import ConfigError, unknown
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest.mapping import mapping_of
from orchestration.live.config import Bucket, Folder, Place, Rows, Sftp, Table
from orchestration.live.fetching import first_file
from orchestration.settings import secret

Where = tuple[str, ...]
SERVER = "serving.postgres"


def refuse_misfits(company: Company) -> None:
    """Raise ConfigError for what is fetched to where nothing reads it, or reads it wrongly."""
    _refuse(company, [problem for name in company.systems for problem in _misfits(company, name)])


def refuse_unready(company: Company, only: str | None = None) -> None:
    """Raise ConfigError where a package or a secret is missing that a system's source, the server
    of the marts or an alert needs.
    """
    problems: list[tuple[Where, str]] = []
    for name, where, place in _places(company):
        if only in (None, name):
            problems += _lacking(name, where, place)
    for variable in company.alerts.secrets if only is None else ():
        if secret(variable) is None:
            what = f"`alerts` needs the variable {variable}, which is not in the environment"
            problems.append(((ALERTS,), what))
    _refuse(company, problems)


def _places(company: Company) -> Iterator[tuple[str, Where, Place]]:
    """What is spoken to, by name, and where it stands in company.yml."""
    for name, system in company.systems.items():
        if system.fetch:
            yield name, ("systems", name, "fetch"), system.fetch
    if company.serving.postgres:
        yield SERVER, tuple(SERVER.split(".")), company.serving.postgres


def _refuse(company: Company, problems: list[tuple[Where, str]]) -> None:
    if problems:
        raise ConfigError(
            "\n".join(locate(company.folder / CONFIG, where) + what for where, what in problems)
        )


def _lacking(name: str, where: Where, place: Place) -> Iterator[tuple[Where, str]]:
    lost = [package for package in place.packages if not find_spec(package)]
    if lost:
        yield (
            where,
            f"`{where[-1]}` needs {', '.join(lost)}, which is not installed: `make live` does that",
        )
    for variable in place.secrets:
        if secret(variable) is None:
            yield (
                (*where, "url"),
                f"`{name}` needs the variable {variable}, which is not in the environment:"
                f" export {variable}=… where the night is started",
            )


def _misfits(company: Company, name: str) -> Iterator[tuple[Where, str]]:
    source = company.systems[name].fetch
    for folder, asked in source.folders.items() if source else ():
        where = ("systems", name, "fetch", "folders", folder)
        feeds = feeds_of(company, name, folder)
        if not feeds:
            yield (
                where,
                f"{unknown('feed', folder, list(feeds_by_name()))}; and no mapping of the system"
                f" matches {folder}/{first_file(source)}",
            )
        for feed in feeds:
            yield from ((where, what) for what in _misread(company, name, asked, feed))


def feeds_of(company: Company, system: str, folder: str) -> list[Feed]:
    """The feeds that come of what is fetched into a folder; empty where nothing would read it."""
    source, mapping = company.system(system).fetch, mapping_of(company, system)
    contract = feeds_by_name()
    if mapping and isinstance(source, Bucket | Sftp):
        return [contract[feed] for feed in mapping.feeds]  # by the names of files yet to come
    if mapping and source and (entry := mapping.entry_of(f"{folder}/{first_file(source)}")):
        return [contract[feed] for feed in mapping.feeds_of(frozenset([entry]))]
    return [contract[folder]] if folder in contract else []


def _misread(company: Company, system: str, asked: Folder, feed: Feed) -> Iterator[str]:
    if not isinstance(asked, Rows) or not asked.cursor:
        return
    if company.delivers_in_full(system, feed.name):
        yield (
            f"{feed.name} is delivered `full`, so a fetch that brings only what is new would"
            " close all the rest: leave out `cursor`, or `full`"
        )
    if feed.load == "children" and isinstance(asked, Table) and asked.table:
        yield (
            f"{feed.name} arrive by whole {feed.parent}s: write a `query` that yields all of a"
            f" {feed.parent} when one of them changes, with the parent's time as `cursor`"
        )
