"""What stands: whether a night would make of what there is just the version that is current."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from orchestration import publishing
from orchestration.company import Company
from orchestration.contract import load_contract
from orchestration.dbt import company_fingerprint
from orchestration.ingest.arrivals import read_landing
from orchestration.ingest.planning import make_plan
from orchestration.ledger import Ledger, Load
from orchestration.live.fetching import live_folders
from orchestration.privacy.journal import Journal
from orchestration.settings import code_version


class HasNews(Exception):
    """There may be something that the current version is not made of; the message says what."""


def made_of(company: Company, ledger: Ledger, as_of: date) -> dict[str, Any]:
    """Everything that a version for that day depends on, as its manifest says it."""
    return {
        "as_of_date": as_of.isoformat(),
        "code_version": code_version(),
        "settings": company.settings.model_dump(mode="json"),
        "configuration": company_fingerprint(company),
        "inputs": ledger.inputs(),
    }


def standing(company: Company, ledger: Ledger, as_of: date) -> publishing.Version | None:
    """The current version, where it is whole and made of what a night would now make one of."""
    now = publishing.current(company)
    if now is None:
        return None
    wanted = made_of(company, ledger, as_of)
    if any(now.manifest.get(key) != value for key, value in wanted.items()):
        return None
    return None if any(publishing.differences(now)) else now


def unread(company: Company, ledger: Ledger) -> Iterator[Load]:
    """Files that could not be read when they were, and still lie in landing/."""
    latest = {load.file: load for load in ledger.loads()}
    for load in latest.values():
        if load.is_rejected and (company.landing / load.file).exists():
            yield load


def refuse_news(company: Company, ledger: Ledger, as_of: date) -> publishing.Version:
    """The version that a night would leave as it is, told without loading anything.

    Raises HasNews where something is to be fetched, loaded or built.
    """
    if live_folders(company):
        raise HasNews("a source is fetched")
    if any(unread(company, ledger)):
        raise HasNews("a file cannot be read")
    known = ledger.hashes()
    journal = Journal(ledger)
    rewritten, arrivals = journal.recognised(read_landing(company, known))
    past, last = ledger.loads(), ledger.last_delivered_at()
    if last is None:
        raise HasNews("nothing was ever loaded")
    if rewritten or journal.returned():
        raise HasNews("a file came again of which persons were erased")
    plan = make_plan(company, load_contract(), arrivals, past, last, known)
    if plan.planned or plan.again:
        raise HasNews("files are to be loaded")
    now = standing(company, ledger, as_of)
    if now is None:
        raise HasNews("the current version is of something else")
    return now
