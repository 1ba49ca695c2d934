"""Examination: what `kizuna doctor` looks at, and what it finds."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from orchestration import keys, publishing
from orchestration.company import CONFIG, Company
from orchestration.configuration import ConfigError
from orchestration.contract import load_contract
from orchestration.ingest.mapping import mapping_of
from orchestration.ledger import known_keys
from orchestration.linking.decided import read_decided
from orchestration.live.fetching import SourceError, try_connection
from orchestration.live.readiness import refuse_misfits, refuse_unready
from orchestration.lock import holder
from orchestration.serving import served
from orchestration.vault import Vault

LITTLE_SPACE = 1_000_000_000  # bytes below which a night of any size is at risk


def refuse_unfit(company: Company) -> None:
    """Raise ConfigError for what would stop a night later: a wrong mapping or link, a key that is
    lost or another.
    """
    read_decided(company)
    systems = {path.name for path in company.landing.glob("*") if path.is_dir()}
    for system in sorted(systems | company.systems.keys()):
        mapping_of(company, system)
    refuse_misfits(company)
    refuse_wrong_keys(company)


def refuse_wrong_keys(company: Company) -> None:
    """Raise WrongKey for a key that is lost or is not the one in use; in no time, making none."""
    has_loads = next(company.raw.glob("*/*/load_id=0*"), None) is not None
    keys.refuse_wrong(company, keys.TOKENS, is_used=has_loads)
    keys.refuse_wrong(company, keys.VAULT, is_used=Vault(company).path.is_file())


@dataclass(frozen=True)
class Finding:
    what: str
    is_well: bool = True


def examine(company: Company) -> Iterator[Finding]:
    """Everything that a night needs, one finding each."""
    yield Finding(f"{company.folder / CONFIG}: {company.settings.name}, read and checked")
    python, wanted = sys.version.split()[0], metadata.metadata("kizuna")["Requires-Python"]
    fits = SpecifierSet(wanted).contains(python, prereleases=True)
    yield Finding(f"Python {python}" + ("" if fits else f", wanted {wanted}"), fits)
    yield from _packages()
    yield from _folders(company)
    yield from live_findings(company)
    yield from serving_findings(company)
    yield from _keys(company)
    busy = holder(company.lock)
    yield Finding(f"lock: held by {busy}" if busy else "lock: free")
    yield from _published(company)


def _packages() -> Iterator[Finding]:
    for line in metadata.requires("kizuna") or []:
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield Finding(f"{wanted.name}: not installed; `make night` installs it", False)
            continue
        fits = wanted.specifier.contains(found)
        yield Finding(
            f"{wanted.name} {found}" + ("" if fits else f", wanted {wanted.specifier}"), fits
        )


def _folders(company: Company) -> Iterator[Finding]:
    if not company.landing.is_dir():
        yield Finding(f"{company.landing}: no such folder; put exports there", False)
    feeds = {feed.name for feed in load_contract()}
    for system in sorted(path for path in company.landing.glob("*") if path.is_dir()):
        if company.mapping(system.name):
            yield Finding(f"landing/{system.name}: read by {company.mapping(system.name)}")
            continue
        for folder in sorted(path for path in system.iterdir() if path.is_dir()):
            known = folder.name in feeds
            files = sum(path.is_file() for path in folder.glob("[!.]*"))
            what = f"{files} files" if known else "no feed of that name, and no mapping"
            yield Finding(f"landing/{system.name}/{folder.name}: {what}", known)
    data = company.data if company.data.is_dir() else company.folder
    yield Finding(f"{data}: writable", os.access(data, os.W_OK))
    free = shutil.disk_usage(data).free
    yield Finding(f"{data}: {free / 1e9:.1f} GB free", free >= LITTLE_SPACE)


def live_findings(company: Company) -> Iterator[Finding]:
    """Per live source whether it answers."""
    for name, system in sorted(company.systems.items()):
        if system.fetch:
            what = f"{name}: {system.fetch.place}"
            try:
                refuse_unready(company, name)
                try_connection(system.fetch)
            except (ConfigError, SourceError) as error:
                yield Finding(f"{what}: {error}", False)
            else:
                yield Finding(f"{what}: answers")


def serving_findings(company: Company) -> Iterator[Finding]:
    """Whether PostgreSQL answers and shows what is current."""
    server = company.serving.postgres
    if server is None:
        return
    try:
        version = publishing.current(company)
        shown, is_well = served.shown(company, server, version)
    except (publishing.PublishError, ConfigError, SourceError) as error:
        yield Finding(f"{server.place}: {error}", False)
        return
    advice = ""
    if version and not is_well:
        other = (
            "as it was before it was written anew" if shown == version.run else f"not {version.run}"
        )
        advice = f", {other}: `kizuna serve` mends it"
    yield Finding(f"{server.place}: shows {shown or 'nothing yet'}{advice}", is_well)


def _keys(company: Company) -> Iterator[Finding]:
    for kind in keys.KINDS:
        known = known_keys(company.ledger).get(kind.name)
        if known:
            yield Finding(f"key of {kind.opens}: {known.id}, from {keys.where(company, kind)}")
    if all(kind.given() for kind in keys.KINDS):
        return
    for path in sorted(company.keys.glob("*")):
        mode = path.stat().st_mode & 0o777
        private = mode & 0o077 == 0
        advice = "" if private else f": others can read it; chmod 600 {path}"
        yield Finding(f"{path}: mode {mode:o}{advice}", private)


def _published(company: Company) -> Iterator[Finding]:
    try:
        kept = publishing.versions(company)
    except publishing.PublishError as error:
        yield Finding(str(error), False)
        return
    for version in kept:
        try:
            publishing.verify(version)
        except publishing.PublishError as error:
            yield Finding(str(error), False)
        else:
            mark = ", current" if version.is_current else ""
            yield Finding(f"version {version.run}: whole, as of {version.as_of}{mark}")
    if company.current.is_symlink() and not company.current.exists():
        yield Finding(f"{company.current}: points nowhere; `kizuna rollback` mends it", False)
