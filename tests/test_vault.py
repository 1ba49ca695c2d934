"""The vault: what it keeps of which files, and that nobody reads it without its key."""

from datetime import date

import duckdb
import pytest

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.examination import refuse_unfit
from orchestration.keys import WrongKey
from orchestration.landing import Landing
from orchestration.ledger import Ledger
from orchestration.starting import start_company
from orchestration.vault import Vault, VaultError

CUSTOMERS = "customer_id,email,family_name,given_name_kana,birth_date,prefecture,created_at\n"


@pytest.fixture
def company(tmp_path):
    start_company(tmp_path / "shop")
    return load_company(tmp_path / "shop")


def land(company, name: str, feed: str, text: str, day: int = 1) -> None:
    folder = company.landing / "crm" / feed
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    landing = Landing(company, date(2026, 6, day), f"night-{day}")
    for one in landing.feeds:
        landing.load(one)
    landing.close()


def kept(company) -> dict[str, str]:
    with duckdb.connect() as connection, Vault(company).opened(connection):
        return dict(connection.execute("select value, token from vault.kept").fetchall())


def test_the_vault_leads_from_the_tokens_of_customers_to_their_values(company):
    land(company, "a.csv", "customers", CUSTOMERS + "1, A@b.c ,髙 橋,はなこ,1990-01-01,東京都,\n")
    assert set(kept(company)) == {"a@b.c", "高橋", "ハナコ"}
    raw = str(company.raw / "crm" / "customers" / "load_id=0*" / "*.parquet")
    with duckdb.connect() as connection:
        (row,) = connection.execute(
            f"select email, family_name, given_name_kana from read_parquet('{raw}')"
        ).fetchall()
    assert row == tuple(kept(company)[value] for value in ("a@b.c", "高橋", "ハナコ"))


def test_it_keeps_each_value_once_and_none_of_other_feeds_or_of_bad_rows(company):
    land(company, "a.csv", "customers", CUSTOMERS + "1,a@b.c,森,,,,\n,bad@b.c,林,,,,\n" * 1
         + "".join(f"{i},a@b.c,森,,,,\n" for i in range(2, 300)))  # fmt: skip
    orders = "order_id,ordered_at,status,currency,email\n1,2026-05-01,paid,JPY,guest@b.c\n"
    land(company, "b.csv", "orders", orders, day=2)
    land(company, "c.csv", "customers", CUSTOMERS + "9,c@b.c,森,,,,\n", day=3)
    assert sorted(kept(company)) == ["a@b.c", "c@b.c", "森"]
    with duckdb.connect() as connection, Vault(company).opened(connection):
        assert connection.execute("select count(*) from vault.kept").fetchone() == (3,)


def test_without_its_key_it_tells_nothing(company):
    land(company, "a.csv", "customers", CUSTOMERS + "1,hanako@example.com,山田,,,,\n")
    vault = Vault(company)
    assert b"hanako" not in vault.path.read_bytes()
    assert vault.path.stat().st_mode & 0o077 == 0
    assert not list(vault.path.parent.glob("*.wal"))
    key = company.keys / "vault.key"
    key.write_text("another key, which is long enough to be one\n")
    with pytest.raises(WrongKey, match="this key has the id"):
        kept(company)
    with Ledger(company.ledger).transaction() as db:  # as an older release left it
        db.execute("delete from keys")
    with pytest.raises(VaultError, match="not opened by the key of"):
        kept(company)
    key.unlink()
    with pytest.raises(ConfigError, match="is gone; put it back"):
        refuse_unfit(company)
