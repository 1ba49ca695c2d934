"""A night that follows a request: nobody is left, no total moves, and older versions stand."""

import json

import duckdb
import pytest
from conftest import AS_OF, Kizuna, Shop
from remains import places_of

from orchestration import publishing
from orchestration.company import Company, load_company
from orchestration.ledger import Ledger
from orchestration.privacy.erasing import find_person
from orchestration.privacy.journal import Journal
from orchestration.privacy.persons import Person

PLANTED = "planted"  # the sample's own truths, which are no part of a company's folder

KNOWN_BY_MOST = """
select person_key from marts.person_ids
inner join (select person_key, count(*) as orders from marts.orders group by all) using (person_key)
inner join (select person_key, count(*) as sessions from marts.web_sessions group by all)
    using (person_key)
group by all
having count(distinct system) > 1 and count(*) > 2
order by count(*) desc, any_value(orders) desc, person_key
limit 1
"""


@pytest.fixture
def asked(shop: Shop) -> tuple[Shop, Company, Person]:
    """The shop, in which a person of several systems asked to be forgotten."""
    ((key,),) = shop.query(KNOWN_BY_MOST)
    company = load_company(shop.folder)
    person = find_person(company, customer=key)
    assert len(person.keys) > 1
    folder = company.landing / "crm" / "erasure_requests"
    crm = next(one for one in person.keys if one.startswith("crm:"))
    (folder / "tonight.csv").write_text(
        "request_id,customer_id,email,requested_at\n"
        f"ER-A,{crm.removeprefix('crm:')},,2026-06-29 10:00:00\n"
        "ER-B,,nobody-knows-me@example.com,2026-06-29 10:00:00\n"
    )
    config = shop.folder / "company.yml"
    config.write_text(config.read_text().replace("erase_on_request: false", ""))
    return shop, load_company(shop.folder), person


def totals(path: str) -> list[tuple]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.sql("""
            select kpi, grain, period_start, numerator, denominator, value, n
            from marts.kpi_values where segment_dimension = 'overall' order by all
        """).fetchall()


def test_a_night_follows_a_request_and_no_total_changes(asked, kizuna: Kizuna):
    shop, company, person = asked
    before = totals(str(shop.published.resolve()))
    reader = duckdb.connect(str(shop.published.resolve()), read_only=True)
    landed = {path: path.read_bytes() for path in company.landing.rglob("*") if path.is_file()}
    result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert result.exit_code == 0, result.output
    # the sample has a request of its own
    assert "followed 2 requests to be forgotten" in result.output
    assert "erasure request ER-B: nobody is known by that e-mail address" in result.output
    assert reader.sql("select count(*) from marts.customers").fetchall()
    reader.close()

    sought = [*person.keys, *person.tokens, *person.values]
    sought += [key.partition(":")[2] for key in person.keys]
    sought += [browser for _, browser in person.browsers]
    left = places_of(company, sought)
    assert {
        t: p
        for t, places in left.items()
        if (p := [x for x in places if not x.startswith(PLANTED)])
    } == {}

    changed = {path for path, content in landed.items() if path.read_bytes() != content}
    assert changed
    for path in changed:  # delivered again as they were, to a night that has nothing else to do
        path.write_bytes(landed[path])
    assert kizuna("night", "--company", shop.folder, "--as-of", AS_OF).exit_code == 0
    assert not [path for path in changed if path.read_bytes() == landed[path]]

    versions = publishing.versions(company)
    assert len(versions) == 2
    for version in versions:
        publishing.verify(version)
        assert totals(str(version.folder / publishing.WHOLE)) == before
        with duckdb.connect(str(version.folder / publishing.WHOLE), read_only=True) as connection:
            counted = connection.sql("select count(*) from marts.customers").fetchall()[0][0]
            assert counted == version.manifest["rows"]["customers"]
            views = connection.sql("select count(*) from marts.kpi_report").fetchall()[0][0]
            assert views == len(connection.sql("from marts.kpi_values").fetchall())
            said = connection.sql(
                "select count(*) from duckdb_columns()"
                " where schema_name = 'marts' and comment is null"
            ).fetchall()
            assert said == [(0,)]
    assert shop.query("select count(*) from marts.person_ids where person_key like '%erased%'") == [
        (0,)
    ]
    told = shop.query(
        "select passed, observed from marts.data_quality"
        " where check_name = 'requests to be forgotten are followed'"
    )
    assert told == [(False, "2 followed, 1 of nobody that is known")]
    assert shop.query(
        "select kind, asked_by, as_of_date::varchar, least(landing_count, raw_count, vault_count,"
        " version_count) > 0 from marts.erasures where request_id = 'ER-A'"
    ) == [("erasure", "erasure_requests", AS_OF, True)]
    entry = next(e for e in Journal(Ledger(company.ledger)).audit() if e["request_id"] == "ER-A")
    assert (entry["asked_by"], entry["is_done"]) == ("erasure_requests", 1)
    counts = json.loads(entry["counts"])
    assert min(counts[place] for place in ("landing", "raw", "vault", "versions")) > 0


def test_a_dry_run_says_how_much_lies_where_and_touches_nothing(asked, kizuna: Kizuna):
    shop, company, person = asked
    seen = {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(shop.folder.rglob("*"))
        if path.is_file()
        and "work" not in path.parts
        and path.name not in ("lock", "ledger.sqlite")
    }
    command = ("erase", "--company", shop.folder, "--as-of", AS_OF, "--customer", person.keys[0])
    result = kizuna(*command, "--dry-run")
    assert result.exit_code == 0, result.output
    assert all(key in result.output for key in person.keys)
    assert not any(value in result.output for value in person.values)
    assert Journal(Ledger(company.ledger)).audit() == []
    assert seen == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in seen}
    for wrong, code, says in (
        (("--customer", "nobody"), 1, "nobody is known by the customer id nobody"),
        ((), 2, "say who is meant"),
    ):
        result = kizuna("erase", "--company", shop.folder, *wrong)
        assert result.exit_code == code
        assert says in result.output
