"""PostgreSQL once a person is forgotten: no byte of a dump, nor of its own files, tells of them."""

# ruff: noqa: F811
import time

import psycopg
from conftest import AS_OF, Kizuna, Shop
from postgres_server import dump, files
from test_erasure import KNOWN_BY_MOST
from test_serving import (  # noqa: F401
    PASSWORD,
    asking,
    company,
    publish,
    schemas,
    served_by,
    server,
    wire,
    write_anew,
)

from orchestration.examination import serving_findings
from orchestration.privacy.erasing import find_person
from orchestration.serving.served import serve

MANY = "delete from marts.kpi_values where grain <> 'year'"  # which name nobody and take long
BEFORE = "marts_old_2026_06_01_001"


def reading(schema: str, asking) -> psycopg.Connection:
    """A reader, within a transaction, of customers that were shown before and not dropped yet."""
    reader = asking("kizuna")
    reader.execute(f"create schema {schema}")
    reader.execute(f"create table {schema}.customers as table marts.customers")
    reader.autocommit = False
    reader.execute(f"select 1 from {schema}.customers").fetchall()
    return reader


def test_no_byte_of_a_dump_tells_of_who_was_erased(
    shop: Shop,
    wire,
    asking,
    kizuna: Kizuna,
    monkeypatch,
):
    monkeypatch.setenv("MARTS_PASSWORD", PASSWORD)
    company = served_by(shop.folder, wire.port, max_seconds=300)
    write_anew(company, MANY)
    ((key,),) = shop.query(KNOWN_BY_MOST)
    person = find_person(company, customer=key)
    assert serve(company).problem is None
    reader = reading(BEFORE, asking)

    ids = [key.partition(":")[2] for key in person.keys]
    browsers = [browser for _, browser in person.browsers]
    sought = [*person.keys, *ids, *person.tokens, *person.values, *browsers]

    def found(*options: str) -> list[str]:
        held = dump(asking(), *options)
        assert b"CREATE TABLE marts.customers" in held
        return [text for text in sought if text.encode() in held]

    assert set(found()) >= {key, *ids, *browsers}
    result = kizuna("erase", "--company", shop.folder, "--as-of", AS_OF, "--customer", key)
    assert result.exit_code == 0, result.output
    assert f"; {BEFORE} of before is still read and goes the next time" in result.output
    assert found("--schema", "marts") == []
    assert found()
    reader.commit()
    assert kizuna("serve", "--company", shop.folder).exit_code == 0
    assert found() == []
    assert schemas(asking()) == ["marts"]


def test_no_file_of_the_server_tells_of_who_was_erased_once_its_log_is_checked_through(
    company,
    asking,
):
    db = asking()
    db.execute("alter system set wal_recycle = off")
    db.execute("select pg_reload_conf()")
    time.sleep(0.2)

    def places(text: str) -> set[str]:
        held = {name for name, content in files(db).items() if text.encode() in content}
        return {name.partition("/")[0] for name in held}

    publish(company, "2026-06-30-001")
    write_anew(company, "update marts.customers set person_key = 'person-' || person_key || '-x'")
    assert serve(company).problem is None
    assert places("person-p7-x") == {
        "customers", "customers_person_key_idx", "pg_statistic", "pg_wal",
    }  # fmt: skip

    write_anew(company, "delete from marts.customers where person_key = 'person-p7-x'")
    assert serve(company).is_new
    assert places("person-p7-x") <= {"pg_wal"}
    db.execute("select pg_switch_wal()")
    assert places("person-p7-x") == set()

    db.execute("grant pg_checkpoint to kizuna")
    db.execute("grant execute on function pg_switch_wal to kizuna")
    write_anew(company, "delete from marts.customers where person_key = 'person-p8-x'")
    assert serve(company).is_new
    assert places("person-p8-x") == set()
    assert "customers" in places("person-p9-x")


def test_who_is_erased_while_the_version_of_before_is_still_read_is_shown_no_more(
    company,
    asking,
):
    publish(company, "2026-06-30-001")
    assert serve(company).problem is None
    old = "marts_old_2026_06_30_001"
    reading(old, asking)
    write_anew(company, "delete from marts.customers where person_key = 'p7'")
    (finding,) = serving_findings(company)
    assert not finding.is_well
    assert "shows 2026-06-30-001, as it was before it was written anew" in finding.what
    served = serve(company)
    assert all(finding.is_well for finding in serving_findings(company))
    assert (served.problem, served.left) == (None, [old])
    assert schemas(asking()) == ["marts", old]
    assert asking().execute("select count(*) from marts.customers").fetchone() == (49,)
