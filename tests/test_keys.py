"""Keys: of which one what lies in data/ was made is known, and another is refused at once."""

import hmac
import sqlite3
from contextlib import closing
from datetime import date
from hashlib import sha256

import pytest
from conftest import Kizuna, hashes
from faults.small_night import CUSTOMERS, KEY, Shop, night, orders

from orchestration.keys import WrongKey

OTHER = "o" * 32


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Shop:
    """A shop after a night under KEY, with more delivered since."""
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    monkeypatch.setenv("KIZUNA_VAULT_KEY", KEY)
    shop = Shop(tmp_path / "shop")
    shop.deliver("shop/orders/a.csv", orders(0, 9))
    shop.deliver("crm/customers/c.csv", CUSTOMERS)
    night(shop.folder, date(2026, 1, 10))
    shop.deliver("shop/orders/b.csv", orders(9, 12))
    return shop


def id_of(key: str) -> str:
    return hmac.new(key.encode(), b"the id of this key", sha256).hexdigest()[:8]


def untouched(shop: Shop) -> dict[str, str]:
    return {name: known for name, known in hashes(shop.data).items() if name != "lock"}


def recorded(shop: Shop) -> dict[str, str]:
    with closing(sqlite3.connect(shop.data / "ledger.sqlite")) as db:
        return dict(db.execute("select kind, id from keys").fetchall())


@pytest.mark.parametrize("variable", ["KIZUNA_TOKEN_KEY", "KIZUNA_VAULT_KEY"])
def test_a_night_and_every_command_refuse_another_key_and_touch_nothing(
    shop: Shop, kizuna: Kizuna, monkeypatch, variable: str
):
    assert recorded(shop) == {"tokens": id_of(KEY), "vault": id_of(KEY)}
    before = untouched(shop)
    monkeypatch.setenv(variable, OTHER)
    with pytest.raises(WrongKey) as refused:
        night(shop.folder, date(2026, 1, 11))
    for said in (variable, id_of(OTHER), id_of(KEY), "put that one back"):
        assert said in str(refused.value)
    for command in (
        ("night", "--as-of", "2026-01-11"),
        ("erase", "--customer", "c1"),
        ("export", "--customer", "c1"),
        ("quarantine", "replay"),
    ):
        result = kizuna(*command, "--company", shop.folder)
        assert result.exit_code == 2 and f"{variable}: this key has the id" in result.output
    assert untouched(shop) == before
    monkeypatch.setenv(variable, KEY)
    night(shop.folder, date(2026, 1, 11))


def test_a_file_with_another_key_is_named(shop: Shop, monkeypatch):
    (shop.data / "keys").mkdir()
    (shop.data / "keys" / "token.key").write_text(f"{OTHER}\n")
    monkeypatch.delenv("KIZUNA_TOKEN_KEY")
    with pytest.raises(WrongKey, match=r"keys/token\.key: this key has the id"):
        night(shop.folder, date(2026, 1, 11))
    (shop.data / "keys" / "token.key").unlink()
    with pytest.raises(WrongKey, match=r"keys/token\.key: the key of the tokens is gone"):
        night(shop.folder, date(2026, 1, 11))
    assert not list((shop.data / "keys").iterdir())


def test_an_older_state_takes_the_key_that_it_finds(shop: Shop, monkeypatch):
    with closing(sqlite3.connect(shop.data / "ledger.sqlite")) as db:
        db.execute("drop table keys")
        db.execute("pragma user_version = 2")
    shop.deliver("crm/customers/d.csv", CUSTOMERS.replace("c1@", "x@"))
    night(shop.folder, date(2026, 1, 11))
    assert recorded(shop) == {"tokens": id_of(KEY), "vault": id_of(KEY)}
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", OTHER)
    with pytest.raises(WrongKey):
        night(shop.folder, date(2026, 1, 12))
