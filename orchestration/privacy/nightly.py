"""What a night does for persons' rights: it follows requests, lets nobody come back, and keeps
nothing personal for longer than the company says.
"""

from datetime import timedelta

from orchestration import progress
from orchestration.ledger import Ledger
from orchestration.night import Night
from orchestration.privacy.erasing import erase, forget_again, requested
from orchestration.privacy.retention import keep_no_longer
from orchestration.serving.served import show_at_once

CHECK = "requests to be forgotten are followed"
ASSET = "raw/crm/erasure_requests"


def keep_promises(night: Night) -> bool:
    """Erase whom the feed of requests names, and write anew files that brought erased persons
    back; whether anybody was erased. Who cannot be found is told, and sought again next night.

    Raises CannotRewrite where a file in landing/ keeps that from being done.
    """
    company, as_of = night.company, night.run.as_of_date
    let_nobody_back(night)
    for feed, count in keep_no_longer(company, as_of).items():
        progress.done(f"emptied what is personal of {count:,} rows of {feed}: too old to keep")
    erased = company.settings.erase_on_request and _follow_requests(night)
    if erased:
        show_at_once(company)
    Ledger(company.ledger).export(company.raw, ["erasures"])  # tonight's are in tonight's marts
    return erased


def let_nobody_back(night: Night) -> None:
    """Write anew files that brought erased persons back. Raises CannotRewrite."""
    if night.landing.returned:
        forget_again(night.company, night.run.as_of_date, night.landing.returned)


def _follow_requests(night: Night) -> bool:
    """Erase whom the feed of requests names; whether that was anybody."""
    company, as_of = night.company, night.run.as_of_date
    wishes, problems = requested(company, company.start_of(as_of + timedelta(days=1)), as_of)
    for problem in problems:
        progress.warn(problem)
    if wishes or problems:
        night.check(
            ASSET,
            CHECK,
            "privacy",
            not problems,
            observed=f"{len(wishes)} followed, {len(problems)} of nobody that is known",
            expected="a person for each",
            severity="warn",
        )
    if not wishes:
        return False
    progress.doing(f"erasing {len(wishes):,} persons")
    counts = erase(company, wishes, keep=[night.run.run_id])
    told = ", ".join(f"{place} {count:,}" for place, count in sorted(counts.items()) if count)
    progress.done(f"followed {len(wishes):,} requests to be forgotten: {told}")
    return True
