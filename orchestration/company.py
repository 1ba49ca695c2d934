"""A company: its settings, its systems and the folder in which everything of it lies."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from orchestration.alerting.config import Alerts, Mail
from orchestration.configuration import ConfigError, at, read_yaml, unknown
from orchestration.contract import consent_purposes, load_contract
from orchestration.ingest.unpacking import MAX_UNPACKING
from orchestration.live.config import Fetch, keys_at, place_of
from orchestration.serving.config import Server, Serving
from orchestration.settings import REFERENCE, VENDORS

CONFIG = "company.yml"
FETCH, SERVING, ALERTS = "fetch", "serving", "alerts"
# A person who never spoke is counted, but is linked to no handle, given to nobody and written to
# by no channel: what is not named here is refused.
CONSENT_DEFAULTS = {"analytics": True}


def _time_zone(value: Any) -> Any:
    if value is not None and value not in available_timezones():
        near = difflib.get_close_matches(str(value), available_timezones(), 1)
        raise ValueError(f"no such time zone{f'; did you mean {near[0]}' if near else ''}")
    return value


def _completed(value: Any) -> Any:
    """What company.yml says of some purposes, with the defaults of those that it leaves out."""
    return CONSENT_DEFAULTS | value if isinstance(value, dict) else value


def _share(value: Any) -> Any:
    """A share as a fraction below 1, or as a text with a percent sign."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        raise ValueError(f"could be {value} % or {value * 100:g} %: write it as '{value} %'")
    return value


def _as_text(value: Any) -> Any:
    """YAML reads 1 as a number and yes as a boolean; in a mapping they are texts of the file."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | date) else value


Text = Annotated[str, BeforeValidator(_as_text)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


class Settings(BaseModel):
    """The flat keys of company.yml. What changes a number reaches dbt as a var of that name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        "Kizuna", min_length=1, description="Name of the company, as reports print it."
    )
    business_timezone: TimeZone = Field(
        "Asia/Tokyo", description="Zone whose midnight ends a business date."
    )
    reporting_currency: str = Field(
        "JPY", pattern="^[A-Z]{3}$", description="ISO 4217 code of the currency of every amount."
    )
    fiscal_year_start: int = Field(
        1, ge=1, le=12, description="Month in which the fiscal year begins, 1 = January."
    )
    history_complete_from: date | None = Field(
        None,
        description=(
            "First business date from which nothing is missing: a first order before it is not"
            " taken for the first ever. Empty: the history is whole."
        ),
    )
    inactivity_days: int = Field(
        180, ge=1, description="Business dates without an order after which a customer has lapsed."
    )
    first_repeat_days: int = Field(
        90, ge=1, description="Days within which a second order counts as a first repeat."
    )
    min_cell_size: int = Field(
        5, ge=1, description="Persons below which a figure of a cut is hidden."
    )
    min_cell_size_employees: int = Field(10, ge=1, description="The same for figures of employees.")
    max_tenure_years: float = Field(
        10, gt=0, description="Longest tenure that a lifetime value assumes, in years."
    )
    discount_rate: float = Field(
        0.10, ge=0, lt=1, description="Yearly discount of future profit, as a fraction."
    )
    ltv_horizon_years: int = Field(
        5, ge=1, le=100, description="Years that the discounted lifetime value adds up."
    )
    prediction_horizon_days: int = Field(
        365, ge=1, description="Days ahead for which the lifetime value is predicted."
    )
    max_ids_of_a_value: int = Field(
        5,
        ge=2,
        description=(
            "Customer ids that may share an e-mail, phone or handle and still be one person: what"
            " more of them have (info@, a shop's phone) links nobody."
        ),
    )
    max_ids_of_a_person: int = Field(
        20, ge=2, description="Most customer ids that links make one person, unless told by hand."
    )
    link_probability: Share = Field(
        0.95,
        description=(
            "Probability from which two customer ids that resemble each other (names, birth date,"
            " address, phone, e-mail) are one person: 0.95 or '95 %'. '100 %' leaves resemblance"
            " out."
        ),
    )
    experiment_window_days: int = Field(
        14, ge=1, description="Days from assignment in which an experiment's outcome counts."
    )
    consent_defaults: Annotated[dict[str, StrictBool], BeforeValidator(_completed)] = Field(
        CONSENT_DEFAULTS,
        description=(
            "Per purpose of `consents`: whether who never spoke allows it. A purpose that is left"
            " out is refused, but for analytics."
        ),
    )
    erase_on_request: bool = Field(
        True,
        description=(
            "Whether a night forgets the persons whom the feed `erasure_requests` names, and writes"
            " landing/ and all else anew without them; else `kizuna erase` does, person by person."
        ),
    )
    retention_days: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {},
        description=(
            "Per feed: days after which what is personal of a row (addresses, texts, handles,"
            " columns that no feed knows) is emptied, in landing/ too; the row itself stays."
        ),
    )
    max_quarantined_share: Share | dict[str, Share] = Field(
        0.01,
        description=(
            "Share of a feed's rows in quarantine over which the night stops: 0.01 or '1 %',"
            " or one per feed with `default` for the rest."
        ),
    )
    max_shrink_share: Share = Field(
        0.20,
        description="Share of its rows that a full export may lose before the night stops.",
    )

    max_unpacking_ratio: int = Field(
        MAX_UNPACKING,
        ge=1,
        description=(
            "Times its own size that a packed file may unpack to before it is taken for a bomb;"
            " 64 MB are always allowed."
        ),
    )

    def allows_by_default(self, purpose: str) -> bool:
        """Whether a person who never spoke allows the purpose."""
        return self.consent_defaults.get(purpose, False)

    def quarantine_ceiling(self, feed: str) -> float:
        """The fraction of the feed's rows that may be quarantined in one night."""
        ceiling = self.max_quarantined_share
        if isinstance(ceiling, float):
            return ceiling
        default = type(self).model_fields["max_quarantined_share"].default
        return ceiling.get(feed, ceiling.get("default", default))


class System(BaseModel):
    """What company.yml says of one source system; every key is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mapping: str | None = Field(
        None,
        description=(
            "Mapping that turns its exports into feeds: a file in mappings/, or one that comes"
            " with Kizuna."
        ),
    )
    parameters: dict[str, Text | dict[Text, Any]] = Field(
        {}, description="What that mapping asks for: the shop's currency, a survey's questions."
    )
    time_zone: TimeZone | None = Field(
        None, description="Zone of timestamps without an offset; else the business time zone."
    )
    delivery: dict[str, Literal["full", "delta"]] = Field(
        {}, description="Per feed: `full` exports close what they lack; `delta` is the default."
    )
    ids_of: dict[str, str] = Field(
        {}, description="Per id column: the system that the ids are of, where it is another one."
    )
    fetch: Fetch | None = Field(
        None, description="A database, HTTP API or drop folder that is fetched every night."
    )


class _File(Settings):
    systems: dict[str, System] = {}
    serving: Serving = Serving()
    alerts: Alerts = Alerts()


@dataclass(frozen=True)
class Company:
    """One company's folder, read and checked."""

    folder: Path
    settings: Settings
    systems: dict[str, System]
    serving: Serving = field(default_factory=Serving)
    alerts: Alerts = field(default_factory=Alerts)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.business_timezone)

    def start_of(self, day: date) -> datetime:
        """The moment at which a business date begins, in UTC and naive."""
        midnight = datetime.combine(day, datetime.min.time(), tzinfo=self.zone)
        return midnight.astimezone(UTC).replace(tzinfo=None)

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def mappings(self) -> Path:
        return self.folder / "mappings"

    @property
    def reference(self) -> Path:
        return self.folder / "reference"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def quarantine(self) -> Path:
        return self.data / "quarantine"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def vault(self) -> Path:
        return self.data / "vault"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.sqlite"

    @property
    def work(self) -> Path:
        return self.data / "work"

    @property
    def versions(self) -> Path:
        return self.data / "versions"

    @property
    def current(self) -> Path:
        return self.data / "current"

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    def system(self, name: str) -> System:
        """The system of that name; one that company.yml does not name has the defaults."""
        return self.systems.get(name, System())

    def time_zone(self, system: str) -> str:
        return self.system(system).time_zone or self.settings.business_timezone

    def mapping(self, system: str) -> Path | None:
        """The system's mapping file: the one named, the company's own before the one that comes
        with Kizuna, else mappings/<system>.yml if there.
        """
        named = self.system(system).mapping
        path = self.mappings / (named or f"{system}.yml")
        if named and not path.is_file():
            return VENDORS / named
        return path if path.is_file() else None

    def delivers_in_full(self, system: str, feed: str) -> bool:
        return self.system(system).delivery.get(feed) == "full"


UNFIT = "'?*[]"  # in a path: what ends it, or makes a pattern of it, in SQL that is not ours


def load_company(folder: Path | str) -> Company:
    """Read DIR/company.yml, or raise ConfigError naming file, line, key and what to do."""
    folder = Path(folder).resolve()
    path = folder / CONFIG
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; `kizuna init {folder}` makes a company folder")
    if odd := [sign for sign in UNFIT if sign in str(folder)]:
        raise ConfigError(f"{folder}: rename it: dbt and DuckDB read no file below a `{odd[0]}`")
    content, lines = read_yaml(path)
    try:
        parsed = _File.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, lines, error))) from None
    settings = Settings.model_validate(
        {key: value for key, value in content.items() if key in Settings.model_fields}
    )
    company = Company(folder, settings, parsed.systems, parsed.serving, parsed.alerts)
    problems = list(_misnamed(company))
    if problems:
        raise ConfigError("\n".join(at(path, lines, where) + what for where, what in problems))
    return company


def locate(path: Path, where: tuple) -> str:
    """`file line n: ` of a key of company.yml."""
    return at(path, read_yaml(path)[1], where)


def _explain(path: Path, lines: dict[tuple, int], error: ValidationError) -> Iterator[str]:
    told = set()
    for problem in error.errors():
        place = tuple(str(part) for part in problem["loc"])
        where = place_of(place)
        is_lacking = problem["type"] == "missing"
        key = ".".join(where)
        while where not in lines and where[:-1] in lines:
            where = where[:-1]
        key = key if is_lacking else ".".join(where)
        if problem["type"] == "extra_forbidden":
            what = unknown("key", where[-1], _known_keys(place))
        elif is_lacking:
            what = f"`{key}` is missing"
        elif FETCH in where or where[0] in (
            SERVING,
            ALERTS,
        ):  # whose values may be secrets that somebody wrote down
            what = f"`{key}`: {_plain(problem['msg'])}"
        else:
            what = f"`{key}`: {_plain(problem['msg'])}, not {problem['input']!r}"
        if where not in told:
            told.add(where)
            yield at(path, lines, where) + what


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _known_keys(where: tuple) -> list[str]:
    if where[2:3] == (FETCH,) and len(where) > 4:
        return keys_at(where[3:])
    if where[0] == SERVING and len(where) > 1:
        return list((Server if len(where) > 2 else Serving).model_fields)
    if where[0] == ALERTS and len(where) > 1:
        return list((Mail if len(where) > 2 else Alerts).model_fields)
    return list((System if where[0] == "systems" and len(where) > 1 else _File).model_fields)


def _misnamed(company: Company) -> Iterator[tuple[tuple, str]]:
    """What names a file, a feed, an id column or a system that does not exist."""
    files = [path.name for path in REFERENCE.glob("*.csv")]
    for path in sorted(company.reference.glob("*.csv")):
        if path.name not in files:
            yield ("reference",), unknown("file in reference/", path.name, files)
    feeds = [feed.name for feed in load_contract()]
    ceiling = company.settings.max_quarantined_share
    for feed in ceiling if isinstance(ceiling, dict) else ():
        if feed not in feeds and feed != "default":
            yield ("max_quarantined_share", feed), unknown("feed", feed, feeds)
    for feed in company.settings.retention_days:
        if feed not in (known := [f.name for f in load_contract() if f.ages]):
            yield ("retention_days", feed), unknown("feed with personal columns", feed, known)
    purposes = consent_purposes()
    for purpose in company.settings.consent_defaults:
        if purpose not in purposes:
            yield ("consent_defaults", purpose), unknown("purpose", purpose, list(purposes))
    for name, system in company.systems.items():
        yield from ((("systems", name, *where), what) for where, what in _wrong(company, system))
        if not name.replace("_", "").replace("-", "").isalnum():
            yield ("systems", name), f"system `{name}`: use letters, digits, - and _"


def _wrong(company: Company, system: System) -> Iterator[tuple[tuple, str]]:
    feeds = {feed.name: feed for feed in load_contract()}
    ids = sorted({c.name for feed in feeds.values() for c in feed.columns if c.is_id})
    delivering = {path.name for path in company.landing.glob("*") if path.is_dir()}
    shipped = [path.name for path in VENDORS.glob("*.yml")]
    own = system.mapping is None or (company.mappings / system.mapping).is_file()
    if not own and system.mapping not in shipped:
        what = unknown("mapping", system.mapping, shipped)
        yield ("mapping",), f"no file `{system.mapping}` in {company.mappings}; {what}"
    for feed in system.delivery:
        if feed not in feeds:
            yield ("delivery", feed), unknown("feed", feed, list(feeds))
    for column, owner in system.ids_of.items():
        if column not in ids:
            yield ("ids_of", column), unknown("id column", column, ids)
        if owner not in (known := sorted(delivering | company.systems.keys())):
            yield ("ids_of", column), unknown("system", owner, known)
