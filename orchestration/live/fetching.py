"""Fetching: what is new at a live source comes into landing/ as files like any other.

A file is written aside and renamed in; then `.fetched.json` beside it moves on. A night that
ends between the two writes that file again, with all that came since: its name is the same.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import Protocol

from orchestration.company import Company
from orchestration.configuration import ConfigError
from orchestration.disk import make_folder, rename_in
from orchestration.live import buckets, mysql, postgres, rest, sftp
from orchestration.live.config import (
    Api,
    Bucket,
    MySql,
    Place,
    Postgres,
    Resource,
    Rows,
    Sftp,
    Source,
    Table,
)
from orchestration.live.drops import bring_files
from orchestration.live.memory import ASIDE, Fetched, Memory
from orchestration.live.secrets import Secrets
from orchestration.live.sinks import write_batches, write_items
from orchestration.live.watermark import Mark, SourceError, Watermark, Whole
from orchestration.settings import secret

GREETINGS = {
    Postgres.kind: postgres.greet,
    MySql.kind: mysql.greet,
    Api.kind: rest.greet_api,
    Bucket.kind: buckets.greet_bucket,
    Sftp.kind: sftp.greet_sftp,
}


def live_folders(company: Company) -> list[tuple[str, str]]:
    """Every system and folder that is fetched."""
    return [
        (name, folder)
        for name, system in sorted(company.systems.items())
        if system.fetch
        for folder in system.fetch.folders
    ]


def first_file(source: Source) -> str:
    """What the first file is called that is made of a source's rows."""
    return _file_name(source, 1)


def _file_name(source: Source, number: int) -> str:
    ending = "jsonl.gz" if isinstance(source, Api) else "parquet"
    return f"fetched-{number:06d}.{ending}"


def fetch(company: Company, system: str, folder: str, as_of: date) -> Fetched:
    """Bring what is new into landing/<system>/<folder>/; what is wrong is told, not raised."""
    source = company.system(system).fetch
    assert source
    secrets = secrets_of(source)
    target = company.landing / system / folder
    make_folder(target)
    memory = Memory.of(target, source.folders[folder])
    report = Fetched(system, folder, source.place, source.is_required(folder))
    began = time.monotonic()
    try:
        persist(source, report, lambda: _bring(source, folder, secrets, memory, report))
        memory.content["as_of"] = as_of.isoformat()
    except OSError as error:  # of this machine: it may have no room
        what = error.strerror or str(error)
        raise OSError(error.errno or 0, what, error.filename or str(target)) from None
    except SourceError as error:
        report.problem = secrets.hide(" ".join(str(error).split())).rstrip(".")
    last = memory.content.get("as_of")
    report.last = date.fromisoformat(last) if last else None
    report.cursor = memory.content.get("cursor")
    if report.problem:
        report.problem = _told(report)
    memory.keep()
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _told(report: Fetched) -> str:
    """What could not be fetched from where, how often that was tried, and what to do."""
    tried = "once" if report.attempts == 1 else f"{report.attempts} times"
    stands = f"what came as of {report.last} stands, and " if report.last else ""
    return (
        f"could not be fetched from {report.place}, tried {tried}: {report.problem}; {stands}the"
        " next night goes on from there. `kizuna doctor` tries the connection alone"
    )


def try_connection(source: Source) -> None:
    """Connect and no more, or raise SourceError or ConfigError saying what is wrong."""
    secrets = secrets_of(source)
    try:
        GREETINGS[source.kind](source, secrets)
    except SourceError as error:
        raise SourceError(secrets.hide(" ".join(str(error).split()))) from None


class _Counted(Protocol):
    attempts: int


def persist(place: Place, report: _Counted, attempt: Callable[[], None]) -> None:
    """Try it as often as company.yml says, while trying again may help."""
    for turn in range(place.attempts):
        report.attempts = turn + 1
        try:
            return attempt()
        except SourceError as error:
            report.attempts = error.attempts or report.attempts
            if not error.may_pass or report.attempts == place.attempts:
                raise
            time.sleep(place.wait_seconds * 2**turn)


def _bring(source: Source, name: str, secrets: Secrets, memory: Memory, report: Fetched) -> None:
    if isinstance(source, Bucket):
        opened = buckets.open_bucket(source, secrets)
        bring_files(opened, source.folders[name], memory, report)
    elif isinstance(source, Sftp):
        bring_files(sftp.open_sftp(source, secrets), source.folders[name], memory, report)
    else:
        _bring_rows(source, source.folders[name], secrets, memory, report)


def _bring_rows(
    source: Source, asked: Rows, secrets: Secrets, memory: Memory, report: Fetched
) -> None:
    """Write what is new into one file, all of it or nothing, and remember how far that goes."""
    if asked.cursor:
        mark: Mark = Watermark(memory.content, asked.cursor, asked.overlap)
    else:
        mark = Whole(memory.content)
    number = memory.content["number"] + 1
    file = memory.folder / _file_name(source, number)
    aside = memory.folder / ASIDE
    try:
        if isinstance(asked, Table):
            reader = mysql if isinstance(source, MySql) else postgres
            write_batches(reader.batches(source, asked, secrets, mark.start), mark, aside, number)
        elif isinstance(source, Api) and isinstance(asked, Resource):
            write_items(rest.items(source, asked, secrets, mark.start), mark, aside, number)
        state = mark.state()
        if mark.has_news:
            rename_in(aside, file)
            report.rows, report.files = mark.news, [file.name]
            state["number"] = number
    finally:
        aside.unlink(missing_ok=True)
    memory.content |= state


def secrets_of(place: Place) -> Secrets:
    """The secrets that an address names, from the environment.

    Raises ConfigError naming those that are not there.
    """
    found = {name: secret(name) for name in place.secrets}
    if missing := [name for name, value in found.items() if value is None]:
        raise ConfigError(f"{', '.join(missing)}: not in the environment")
    return Secrets({name: value for name, value in found.items() if value is not None})
