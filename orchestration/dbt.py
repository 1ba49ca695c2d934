"""dbt: the settings it is given and how it is run, always as a process of its own."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

from orchestration.company import CONFIG, Company, Settings
from orchestration.contract import consent_purposes, load_contract
from orchestration.settings import DBT_PROJECT, REFERENCE, cache_folder, environment

# settings and tables that judge, or grow with time, and change what no figure means
NO_DEFINITIONS = (
    "name",
    "max_quarantined_share",
    "max_shrink_share",
    "max_unpacking_ratio",
    "fx_rates.csv",
    "kpi_targets.csv",
    "person_decisions.csv",
)
DEV = "dev"  # the work folder of dbt by hand
LEFT = "kept"  # the work folder of what a night left to the next
ELSEWHERE = "/raw-of-the-company"  # where raw lies while the project is parsed
MANIFESTS_KEPT = 8  # of checkouts and edits; each is some 5 MB

IdSystems = Mapping[str, Mapping[str, str]]


class Order(TypedDict):
    """What a process that has dbt imported is told to run."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str  # to run in
    parsed: str  # dbt's file of the parsed project
    raw: str
    seeds: str


def waiting() -> list[str]:
    """The program that imports dbt, which takes seconds, and waits on its standard input for an
    order; it ends with this process.
    """
    return [sys.executable, "-m", "orchestration.parsed", str(os.getpid())]


@contextmanager
def standby() -> Iterator[subprocess.Popen[bytes]]:
    """Such a process, whose output is read line by line; it is gone in the end."""
    pipe = subprocess.PIPE
    told = environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        waiting(), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=told
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def vars_for(company: Company, as_of: date, id_systems: IdSystems) -> dict[str, object]:
    """Every var of the dbt project: the settings, with every purpose of consent, the as-of date,
    whose ids are whose, the zones of systems that keep another time, and of the contract the
    time of each feed's events by its staging model."""
    settings = company.settings.model_dump(mode="json")
    zones = {name: system.time_zone for name, system in company.systems.items()}
    return {
        **settings,
        "consent_defaults": {
            purpose: company.settings.allows_by_default(purpose) for purpose in consent_purposes()
        },
        "as_of_date": as_of.isoformat(),
        "id_systems": id_systems,
        "time_zones": {name: zone for name, zone in sorted(zones.items()) if zone},
        "event_times": {
            f"stg_{feed.source}__{feed.name}": feed.event_at
            for feed in load_contract()
            if feed.event_at
        },
        "definitions": definitions(company),
    }


def definitions(company: Company) -> str:
    """A name for all that a company can set of what its figures mean."""
    settings = company.settings.model_dump(mode="json", exclude=set(NO_DEFINITIONS))
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in sorted(REFERENCE.glob("*.csv")):
        if path.name not in NO_DEFINITIONS:
            own = company.reference / path.name
            digest.update(f"{path.name}\0".encode() + (own if own.is_file() else path).read_bytes())
    return digest.hexdigest()[:16]


def company_fingerprint(company: Company) -> str:
    """A name for everything that a company says of itself: company.yml and its own tables."""
    digest = hashlib.sha256()
    for path in (company.folder / CONFIG, *sorted(company.reference.glob("*"))):
        if path.is_file():
            digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def merge_reference(company: Company, into: Path) -> Path:
    """The seeds of a run: the project's own, replaced by the company's of the same name."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for folder in (REFERENCE, company.reference):
        for file in sorted(folder.glob("*")):
            if file.suffix in (".csv", ".yml") and not file.name.startswith("."):
                shutil.copyfile(file, into / file.name)
    return into


@dataclass(frozen=True)
class Dbt:
    """How dbt is run for one company and as-of date, writing to one warehouse file."""

    company: Company
    as_of: date
    id_systems: IdSystems
    folder: Path  # of this run; dbt writes here and nowhere else
    target: str = "duckdb"
    builds_on: bool = False  # the warehouse is that of the night before, to go on in

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def reference(self) -> Path:
        return self.folder / "reference"

    @property
    def artifacts(self) -> Path:
        return self.folder / "target"

    def environment(self) -> dict[str, str]:
        return {
            "KIZUNA_RAW": str(self.company.raw),
            "KIZUNA_WAREHOUSE": str(self.warehouse),
            "KIZUNA_SEEDS": str(self.reference),
            "KIZUNA_TEMP": str(self.folder / "temp"),
            "KIZUNA_SPARK": str(self.folder / "spark"),
            "DBT_TARGET_PATH": str(self.artifacts),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_LOG_LEVEL_FILE": "info",  # every statement in words is a tenth of a small build
            "DBT_PROJECT_DIR": str(DBT_PROJECT),
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
        }

    def vars(self) -> dict[str, object]:
        return vars_for(self.company, self.as_of, self.id_systems)

    def arguments(self, command: Sequence[str]) -> list[str]:
        given = {**self.vars(), "builds_on_before": self.builds_on}
        return [*command, "--target", self.target, "--vars", json.dumps(given)]

    def order(self, *command: str, **variables: str) -> str:
        """`dbt <command>` as a process that waits is told of it; the project is parsed first where
        it changed.
        """
        self.prepare()
        order = Order(
            arguments=self.arguments(command),
            environment={**self.environment(), **variables},
            folder=str(self.folder),
            parsed=str(parsed_folder(self.target) / "partial_parse.msgpack"),
            raw=str(self.company.raw),
            seeds=str(self.reference),
        )
        return json.dumps(order)

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        merge_reference(self.company, self.reference)

    def run(self, *command: str, is_quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `dbt <command>` to its end, its output on this process's or, quiet, in the result."""
        order = self.order(*command)
        return subprocess.run(waiting(), input=order, text=True, capture_output=is_quiet)


class DbtError(Exception):
    """dbt could not do what it was asked; the message is dbt's own."""


def parsed_folder(target: str = "duckdb") -> Path:
    """What dbt writes of the project as it parses it; again when a file of it or dbt changed."""
    name = f"{fingerprint()}-{target}-{metadata.version('dbt-core')}"
    folder = cache_folder() / "manifests" / name
    if not (folder / "manifest.json").is_file():
        _parse_into(folder, target)
    return folder


@cache
def manifest() -> dict[str, Any]:
    """dbt's manifest of the project as it stands."""
    return json.loads((parsed_folder() / "manifest.json").read_text())


def fingerprint() -> str:
    """A name for the dbt project as it stands on the disk."""
    digest = hashlib.sha256()
    for folder in (DBT_PROJECT, REFERENCE):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".sql", ".yml", ".csv", ".py") and path.is_file():
                digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _parse_into(folder: Path, target: str) -> None:
    """Parse aside and rename, so that another process never sees half a manifest."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".parsing-"))
    try:
        nowhere = Company(aside / "nobody", Settings(), {})
        dbt = Dbt(nowhere, date(2000, 1, 1), {}, aside, target)
        dbt.prepare()
        program = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
        parsed = subprocess.run(
            program + dbt.arguments(["parse", "--no-partial-parse", "--quiet", "--no-use-colors"]),
            env=environment(**{**dbt.environment(), "KIZUNA_RAW": ELSEWHERE}),
            cwd=aside,
            capture_output=True,
            text=True,
        )
        if parsed.returncode:
            raise DbtError(f"dbt cannot read the project:\n{parsed.stdout.strip()}")
        try:
            os.replace(dbt.artifacts, folder)
        except OSError:
            if not (folder / "manifest.json").is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    others = [path for path in folder.parent.iterdir() if path != folder]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-MANIFESTS_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def write_docs(company: Company, out: Path) -> Path:
    """dbt's pages on every model, column and test, as one HTML file without outside requests."""
    with tempfile.TemporaryDirectory() as folder:
        dbt = Dbt(company, date(2000, 1, 1), {}, Path(folder))
        done = dbt.run("docs", "generate", "--static", "--empty-catalog", "--quiet")
        if done.returncode:
            raise DbtError("dbt could not write its pages")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(dbt.artifacts / "static_index.html", out / "index.html"))


def main() -> int:
    """dbt by hand, on data/work/dev: `python -m orchestration.dbt --company DIR --as-of D -- …`."""
    import argparse

    from orchestration.company import load_company
    from orchestration.configuration import ConfigError
    from orchestration.ingest.planning import owners_of_ids
    from orchestration.ledger import Ledger, LedgerError

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--company", required=True)
    parser.add_argument("--as-of", required=True, type=date.fromisoformat)
    parser.add_argument("--id-systems", type=json.loads, help="default: as the ledger tells")
    parser.add_argument("--target", default="duckdb")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    try:
        company = load_company(given.company)
        id_systems = given.id_systems
        if id_systems is None:
            id_systems = owners_of_ids(company, load_contract(), Ledger(company.ledger).loads())
        dbt = Dbt(company, given.as_of, id_systems, company.work / DEV, given.target)
        return dbt.run(*given.command).returncode
    except (ConfigError, LedgerError, DbtError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    raise SystemExit(main())
