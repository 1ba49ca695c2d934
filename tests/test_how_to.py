"""docs/how-to.md, done as it says: its KPI is added to a copy of the project and looked at."""

import re
import shutil
import textwrap
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration import dbt
from orchestration.company import load_company
from orchestration.settings import DBT_PROJECT, ROOT
from tests.raw_data import RawData

AS_OF = date(2026, 6, 30)
WARM, COLD = ["1", "2", "3", "4", "5"], ["6", "7", "8", "9", "10"]
EVER = {"created_at": datetime(2026, 1, 1), "updated_at": datetime(2026, 1, 1)}

Query = Callable[[str], list[tuple]]


@pytest.fixture(scope="module")
def entry() -> str:
    """The entry that the page shows under "Add a KPI", its first line the file it belongs in."""
    page = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = page[page.index("\n## Add a KPI") :]
    return textwrap.dedent(re.search(r"```yaml\n(.*?)\n *```", section, re.DOTALL).group(1))


def kpi_of(entry: str) -> dict:
    (kpi,) = yaml.safe_load(entry)
    return kpi


@pytest.fixture(scope="module")
def query(entry, tmp_path_factory) -> Query:
    """A question to the marts that dbt built with the entry, over ten buyers.

    Every one of them orders on 2 June in the shop of campaign K1: 1, 2 and 3 three times. On 3 June
    6 comes twice more, and 7 to 10 once, into the store S2. A guest orders three times.
    """
    folder = tmp_path_factory.mktemp("how_to")
    project = shutil.copytree(DBT_PROJECT, folder / "dbt_project")
    add(entry, project.parent)
    raw = RawData(folder / "company", {"business_timezone": "Asia/Tokyo"})
    raw.deliver("accounts", "crm", [{"account_id": "A", "industry": "retail",
                                     "company_size": "10-99", **EVER}])  # fmt: skip
    raw.deliver("customers", "crm", [customer(name) for name in WARM + COLD])
    on_the_web = [*WARM, *COLD, *WARM[:3], *WARM[:3]]
    web = {"ordered_at": datetime(2026, 6, 2, 3), "channel": "ec", "campaign_id": "K1"}
    store = {"ordered_at": datetime(2026, 6, 3, 3), "channel": "store", "store_id": "S2"}
    placed = [(name, web) for name in on_the_web] + [(name, store) for name in (*COLD, COLD[0])]
    placed += [(None, web)] * 3
    raw.deliver("orders", "shop", [order(i, *one) for i, one in enumerate(placed)])
    raw.write_ledger()
    owners = {"customer_id": {"shop": "crm"}}
    run = dbt.Dbt(load_company(raw.company), AS_OF, owners, folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "DBT_PROJECT", project)
        built = run.run("build", "--quiet", "--exclude-resource-type", "unit_test",
                        "--indirect-selection", "buildable",
                        "--select", "+kpi_report", "+kpi_coverage")  # fmt: skip
    assert built.returncode == 0

    def ask(sql: str) -> list[tuple]:
        with duckdb.connect(str(run.warehouse), read_only=True) as connection:
            return connection.execute(sql, [kpi_of(entry)["code"]]).fetchall()

    return ask


def add(entry: str, project: Path) -> None:
    """Put the entry where it says, at the head of the file's list, and touch nothing else."""
    file = project / entry.splitlines()[0].removeprefix("# ")
    text = file.read_text(encoding="utf-8")
    head, first, rest = re.split("^( *- code: )", text, maxsplit=1, flags=re.MULTILINE)
    added = textwrap.indent(entry, " " * first.index("-"))
    file.write_text(f"{head}{added}\n{first}{rest}", encoding="utf-8")


def customer(name: str) -> dict:
    return {
        "customer_id": name,
        "account_id": "A",
        "membership_tier": "gold" if name in WARM else "silver",
        "prefecture": "Tokyo",
        "acquisition_channel": "referral",
        "customer_segment": "business",
        "gender": "f",
        "birth_date": date(1990, 1, 1),
        **EVER,
    }


def order(number: int, customer_id: str | None, where: dict) -> dict:
    money = {"currency": "JPY", "subtotal": 100, "status": "paid"}
    return {"order_id": f"O{number}", "customer_id": customer_id, **money, **where}


def test_the_example_is_new(entry):
    code = kpi_of(entry)["code"]
    found = dbt.manifest()["nodes"].values()
    assert code not in {
        k["code"] for n in found for k in n["config"].get("meta", {}).get("kpis", [])
    }


# Of the buyers, how many three times or more; and the ends of Wilson's interval, by calculator.
FOUR_OF_TEN = (4, 10, 40.0, 16.8180, 68.7326)
THREE_OF_TEN = (3, 10, 30.0, 10.7791, 60.3222)
THREE_OF_FIVE = (3, 5, 60.0, 23.0724, 88.2379)
ONE_OF_FIVE = (1, 5, 20.0, 3.6224, 62.4465)
NONE_OF_FIVE = (0, 5, 0.0, 0.0, 43.4482)


def test_the_new_kpi_has_its_figure_at_every_grain(query):
    found = query(
        "select grain, period_start::varchar, numerator, n, value, ci_low, ci_high, persons"
        " from marts.kpi_values where kpi = ? and segment_dimension = 'overall' and n > 0"
    )
    # customer 6 orders three times within the week, but on no single day
    assert {tuple(row[:2]): row[2:] for row in found} == {
        ("day", "2026-06-02"): about(THREE_OF_TEN),
        ("day", "2026-06-03"): about(NONE_OF_FIVE),
        ("week", "2026-06-01"): about(FOUR_OF_TEN),
        ("month", "2026-06-01"): about(FOUR_OF_TEN),
        ("quarter", "2026-04-01"): about(FOUR_OF_TEN),
        ("year", "2026-01-01"): about(FOUR_OF_TEN),
    }


def about(figure: tuple[float, ...]):
    """The figure as a row: numerator, n, value, interval and persons."""
    return pytest.approx((*figure, figure[1]), abs=5e-5)


@pytest.mark.parametrize(
    ("grain", "period"),
    [("month", "2026-06-01"), ("quarter", "2026-04-01"), ("year", "2026-01-01")],
)
def test_the_new_kpi_has_its_figure_in_every_cut(query, grain, period):
    found = query(
        "select segment_dimension, segment_value, numerator, n, value, ci_low, ci_high, persons"
        " from marts.kpi_values where kpi = ? and segment_dimension <> 'overall'"
        f" and grain = '{grain}' and period_start = date '{period}'"
    )
    assert {tuple(row[:2]): row[2:] for row in found} == {
        ("membership_tier", "gold"): about(THREE_OF_FIVE),
        ("membership_tier", "silver"): about(ONE_OF_FIVE),
        ("prefecture", "Tokyo"): about(FOUR_OF_TEN),
        ("acquisition_channel", "referral"): about(FOUR_OF_TEN),
        ("customer_segment", "business"): about(FOUR_OF_TEN),
        ("gender", "f"): about(FOUR_OF_TEN),
        ("age_band", "30-39"): about(FOUR_OF_TEN),
        ("industry", "retail"): about(FOUR_OF_TEN),
        ("company_size", "10-99"): about(FOUR_OF_TEN),
        ("tenure_band", "none"): about(FOUR_OF_TEN),
        ("order_channel", "ec"): about(THREE_OF_TEN),
        ("order_channel", "store"): about(NONE_OF_FIVE),
        ("store", "S2"): about(NONE_OF_FIVE),
        ("campaign", "K1"): about(THREE_OF_TEN),
    }


def test_the_new_kpi_is_in_report_catalog_and_coverage(query, entry):
    kpi = kpi_of(entry)
    assert query(
        "select name_ja, name_en, unit, direction, stage, department, value, is_complete"
        " from marts.kpi_report where kpi = ? and grain = 'month' and segment_value = 'gold'"
    ) == [
        (*(kpi[key] for key in ("ja", "en", "unit", "direction", "stage", "department")), 60, True)
    ]
    persons = (
        "membership_tier, prefecture, acquisition_channel, customer_segment, gender, age_band,"
        " industry, company_size, tenure_band"
    )
    assert query(
        'select numerator, denominator, denominator_kind, "interval", cuts, source, drill_into,'
        " definition_version, is_headline from marts.kpi_catalog where kpi = ?"
    ) == [
        (
            kpi["numerator_words"],
            kpi["denominator_words"],
            "persons",
            "wilson",
            f"{persons}, order_channel, store, campaign",
            "orders",
            "orders",
            1,
            False,
        )
    ]
    assert query(
        "select is_live, live_since, missing_feeds from marts.kpi_coverage where kpi = ?"
    ) == [(True, date(2026, 6, 1), None)]
