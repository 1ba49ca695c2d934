"""Running the job `nightly` from a command: the very job that Dagster's pages run."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from orchestration import progress
from orchestration.alerting.sending import send
from orchestration.alerting.words import of_night
from orchestration.company import Company
from orchestration.dbt import parsed_folder
from orchestration.history import dagster_folder
from orchestration.live.fetching import live_folders
from orchestration.night import open_night
from orchestration.publishing import find
from orchestration.settings import ROOT, environment, serve


@dataclass(frozen=True)
class Outcome:
    """How a night ended: the run that made a version, or the problems that kept it from one."""

    run_id: str | None
    problems: tuple[str, ...]
    is_locked: bool = False


def run_night(
    company: Company, as_of: date, wait_seconds: float = 0, is_full: bool = False
) -> Outcome:
    """One night, in this process, through Dagster's job and into its history of runs; where nothing
    is new, without them, for they take longer to start than to find that.
    """
    serve(company.folder)
    if not is_full and (outcome := _without_news(company, as_of)):
        return outcome
    from sqlalchemy.exc import DBAPIError

    try:
        return _run(company, as_of, {"wait_seconds": float(wait_seconds), "is_full": is_full})
    except OSError as error:
        return Outcome(None, (str(error),))
    except Exception as error:  # that history cannot be written: no room, or its server is away
        why = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(why, DBAPIError):
            raise
        folder, said = dagster_folder(company), " ".join(str(why.orig).split())
        free = shutil.disk_usage(folder).free
        return Outcome(None, (f"{folder}: {said}, with {free / 1e6:,.0f} MB free there",))


def _without_news(company: Company, as_of: date) -> Outcome | None:
    """A night that leaves what is current as it is; None where one is needed that builds."""
    try:
        with open_night(company, as_of, without_news=True) as night:
            night.untold()
            for late in night.overdue():
                progress.warn(late)
            if night.is_unchanged:
                progress.done(f"nothing is new since {night.version.run}, which stands")
    except Exception:  # news, or what the night that follows comes to as well, and tells
        return None
    send(company, of_night(night, []))
    return Outcome(night.version.run, ())


def _run(company: Company, as_of: date, how: Mapping[str, Any]) -> Outcome:
    import dagster as dg

    config = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "resources": {"night": {"config": dict(how)}},
    }
    # A partition exists once its day is over, by the clock; the command line says which day
    # is over, and no clock.
    over = datetime.combine(as_of + timedelta(days=2), datetime.min.time(), tzinfo=company.zone)
    with (
        dg.DagsterInstance.from_config(str(dagster_folder(company))) as instance,
        dg.partition_loading_context(effective_dt=over),
        _aside(company),
    ):
        nightly = _nightly(tuple(live_folders(company)), company.serving.postgres is not None)
        result = nightly.execute_in_process(
            run_config=config,
            partition_key=as_of.isoformat(),
            instance=instance,
            raise_on_error=False,
        )
    if result.success:
        return Outcome(_published_by(result, company), ())
    problems, is_locked = problems_in(result.all_events)
    return Outcome(None, tuple(dict.fromkeys(problems)), is_locked)


@cache
def _nightly(live: tuple[tuple[str, str], ...], is_served: bool):
    """The job, which has an asset for each of the company's live sources and for its server."""
    from orchestration.definitions import defs

    return defs().resolve_job_def("nightly")


@contextlib.contextmanager
def _aside(company: Company) -> Iterator[None]:
    """What libraries print goes to data/night.log; what the night says goes to its listener."""
    path = company.data / "night.log"
    path.write_text("")  # and appended to: what is erased of it meanwhile leaves no hole
    log = path.open("a")
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        with contextlib.suppress(OSError):  # of a disk that is full, which better words name
            log.close()


def _published_by(result, company: Company) -> str:
    """The version that the night made, else the one that it found to stand."""
    for made in result.asset_materializations_for_node("published__marts"):
        return Path(made.metadata["version"].value).name
    return find(company).run


def problems_in(events) -> tuple[list[str], bool]:
    """Every reason for which a run failed, in words, and whether it was the lock."""
    problems, is_locked = [], False
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            blocked = data.error and data.error.cls_name == "DagsterAssetCheckFailedError"
            if not blocked:
                problems.extend(_lines(said or _deepest(data.error)))
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            seen = event.event_specific_data
            if not seen.passed and seen.check_name == "great_expectations":
                table = seen.asset_key.to_user_string()
                problems.extend(f"{table}: {line}" for line in (seen.description or "").split("\n"))
        elif event.is_job_failure and not problems:
            error = event.job_failure_data.error
            problems.append(_deepest(error) if error else event.message)
            is_locked = error is not None and _root(error).cls_name == "LockHeld"
    return problems, is_locked


def _lines(said: str) -> list[str]:
    """One problem a line, with the lines below it that are indented."""
    return re.split(r"\n(?! )", said)


def _root(error):
    while error.cause is not None:
        error = error.cause
    return error


def _deepest(error) -> str:
    root = _root(error)
    return root.message.removeprefix(f"{root.cls_name}: ").strip()


def start_dagster(company: Company, port: int) -> None:
    """Become `dagster dev` for the company, on this machine alone."""
    serve(company.folder)
    parsed_folder()
    home = dagster_folder(company)
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(ROOT)
    os.execve(sys.executable, command, environment(DAGSTER_HOME=str(home)))
