"""Another key in the place of one: everybody stays who they were, and no old token is left."""

import hmac
import json
import os
import shutil
import signal
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from conftest import Kizuna
from faults.small_night import KEY, Shop, night, orders, processes
from remains import places_of

from orchestration import publishing
from orchestration.company import load_company
from orchestration.contract import load_contract
from orchestration.keys import TOKENS, VAULT, WrongKey
from orchestration.landing import Landing
from orchestration.ledger import Ledger
from orchestration.linking import link_persons
from orchestration.privacy import erasing, renewing, rotating
from orchestration.privacy.journal import Asked
from orchestration.steps import ROTATION
from orchestration.vault import Vault

NEW = "n" * 40
THIRD = "t" * 70  # longer than a block of SHA-256
HEX_ID = sha256(b"a browser whose id looks like a token").hexdigest()
CUSTOMERS = "customer_id,email,phone,family_name,given_name,birth_date\n"
ORDERS = "order_id,customer_id,email,ordered_at,status,currency,total,phone\n"
IDENTITIES = "customer_id,identity_type,identity_system,identity_value\n"
GUEST = "guest@example.jp"
ORDER = "{},{},{},2026-01-05 10:00:00,paid,JPY,100,{}\n"


def orders_of(*rows: tuple[str, str, str, str]) -> str:
    return ORDERS + "".join(ORDER.format(*row) for row in rows)


def deliver_first(shop: Shop) -> None:
    shop.deliver("crm/customers/a.csv", CUSTOMERS
        + "1,hana@example.jp,090-1111-2222,花村,ハナ,1990-01-01\n"
        + "2,taro@example.jp,090-3333-4444,太田,タロウ,1985-05-05\n"
        + "3,jiro@example.jp,,森,ジロウ,1971-07-07\n")  # fmt: skip
    shop.deliver("crm/identities/i.csv", IDENTITIES
        + f"1,sns_handle,x,@hana\n1,web_anonymous_id,web,{HEX_ID}\n"
        + "2,line_id,line,U77\n")  # fmt: skip
    shop.deliver("shop/orders/a.csv", orders_of(
        ("O1", "1", "hana@example.jp", "090-1111-2222"), ("O2", "", GUEST, "")))  # fmt: skip
    shop.deliver("x/mentions/m.csv", "platform,mention_id,author_handle,occurred_at,text\n"
        "x,m1,@hana,2026-01-05 10:00,いい店\n")  # fmt: skip


def deliver_second(shop: Shop) -> None:
    """The same persons, told by other systems, spelt otherwise."""
    shop.deliver("pos/customers/p.csv", CUSTOMERS
        + "A, HANA@example.jp,,花村,ハナ,1990-01-01\nB,,+81 90 3333 4444,太田,タロウ,1985-05-05\n"
        + "C,jiro@exampel.jp,,森,ジロウ,1971-07-07\n")  # fmt: skip
    shop.deliver("shop/orders/b.csv", orders_of(
        ("O3", "", "Guest@Example.jp", "09011112222"),
        ("O4", "2", "taro@example.jp", "")))  # fmt: skip
    shop.deliver("x/mentions/n.csv", "platform,mention_id,author_handle,occurred_at,text\n"
        "x,m2,hana,2026-01-06 10:00,いい店\n")  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop after its first night, under KEY; only to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        give(patch, KEY)
        shop = Shop(tmp_path_factory.mktemp("first") / "shop")
        deliver_first(shop)
        night(shop.folder, date(2026, 1, 10))
    return shop.folder


@pytest.fixture
def shop(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    give(monkeypatch, KEY)
    return copy_of(first, tmp_path / "shop")


def give(patch: pytest.MonkeyPatch, key: str) -> None:
    for variable in ("KIZUNA_TOKEN_KEY", "KIZUNA_VAULT_KEY"):
        patch.setenv(variable, key)


def copy_of(folder: Path, to: Path) -> Shop:
    return Shop(Path(shutil.copytree(folder, to, symlinks=True)))


def rotate(shop: Shop, monkeypatch: pytest.MonkeyPatch, tokens: str = NEW, vault: str = "") -> None:
    """Rotate and go on under the new keys."""
    monkeypatch.setenv("KIZUNA_NEW_TOKEN_KEY", tokens)
    monkeypatch.setenv("KIZUNA_NEW_VAULT_KEY", vault)
    kinds = [TOKENS, VAULT] if vault else [TOKENS]
    rotating.rotate(load_company(shop.folder), kinds, date(2026, 1, 10))
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", tokens)
    if vault:
        monkeypatch.setenv("KIZUNA_VAULT_KEY", vault)


def rows_of_raw(shop: Shop, *, plain: bool = False) -> dict[str, list[dict]]:
    """By feed the rows of raw, without their tokens where `plain`."""
    found = {}
    for feed in load_contract():
        hidden = {c.name for c in feed.columns if c.is_token} if plain else set()
        hidden |= {"extra_columns"} if plain else set()
        paths = (shop.data / "raw" / feed.source / feed.name).glob("load_id=0*/*.parquet")
        rows = [row for path in sorted(paths) for row in pq.ParquetFile(path).read().to_pylist()]
        if rows:
            found[feed.name] = [{k: v for k, v in row.items() if k not in hidden} for row in rows]
    return found


def tokens_of(shop: Shop) -> list[str]:
    """Every token of raw in the order of its rows, those of undeclared columns too."""
    found = []
    for feed, rows in rows_of_raw(shop).items():
        named = [c for f in load_contract() if f.name == feed for c in f.columns if c.is_token]
        for row in rows:
            is_plain = row.get("identity_type") in ("web_anonymous_id", "customer_id")
            found += [
                row[c.name] for c in named if row[c.name] and not (c.plain_where and is_plain)
            ]
            found += json.loads(row["extra_columns"] or "{}").values()
    assert all(len(one) == 64 for one in found)
    return found


def links(shop: Shop, day: int) -> list[dict]:
    return link_persons(load_company(shop.folder), date(2026, 1, day), {}).table.to_pylist()


def marts_without_tokens(shop: Shop) -> list[tuple]:
    with duckdb.connect() as connection:
        version = publishing.current(load_company(shop.folder))
        connection.execute(f"attach '{version.folder / publishing.WHOLE}' as held (read_only)")
        return connection.sql(
            "select * exclude (email, extra_columns) from held.marts.orders order by all"
        ).fetchall()


def test_new_rows_join_the_same_persons_as_without_and_no_old_token_is_left(
    shop: Shop, tmp_path: Path, kizuna: Kizuna, monkeypatch
):
    twin = copy_of(shop.folder, tmp_path / "twin")
    (shop.data / "night.log").write_text(f"unexpected: {tokens_of(shop)[0]}\n")
    old, before = set(tokens_of(shop)), rows_of_raw(shop, plain=True)
    known = hmac.new(KEY.encode(), b"hana@example.jp", sha256).hexdigest()
    assert known in old and len(old) > 15
    held = places_of(load_company(shop.folder), old)
    assert {path.partition("/data/")[0].split("/")[1] for path in held[known]} > {"raw", "vault"}
    assert any("versions" in path for path in held[known])

    rotate(shop, monkeypatch)
    company = load_company(shop.folder)
    assert places_of(company, old) == {}
    assert rows_of_raw(shop, plain=True) == before
    (browser,) = {r["identity_value"] for r in rows_of_raw(shop)["identities"]} & {HEX_ID}
    assert browser
    assert kizuna("verify", "--company", shop.folder).exit_code == 0

    for one in (shop, twin):
        deliver_second(one)
    night(shop.folder, date(2026, 1, 11))
    under_new, of_shop = tokens_of(shop), links(shop, 11)
    marts = marts_without_tokens(shop)
    assert set(under_new).isdisjoint(old)
    assert places_of(company, old) == {}
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    night(twin.folder, date(2026, 1, 11))
    under_old = tokens_of(twin)
    assert len(set(zip(under_old, under_new, strict=True))) == len(set(under_old))
    assert len(set(under_new)) == len(set(under_old)) > len(old)
    assert rows_of_raw(shop, plain=True) == rows_of_raw(twin, plain=True)
    assert of_shop == links(twin, 11)
    assert Counter(link["rule"] for link in of_shop) == {
        "first": 3, "email": 1, "phone": 1, "probable": 1
    }  # fmt: skip
    assert marts == marts_without_tokens(twin)


def test_a_second_rotation_is_as_the_first(shop: Shop, monkeypatch):
    old = set(tokens_of(shop))
    rotate(shop, monkeypatch)
    second = set(tokens_of(shop))
    rotate(shop, monkeypatch, THIRD, vault=THIRD)
    assert places_of(load_company(shop.folder), old | second) == {}
    deliver_second(shop)
    night(shop.folder, date(2026, 1, 11))
    hana = {r["email"] for r in rows_of_raw(shop)["customers"] if r["customer_id"] in ("1", "A")}
    assert len(hana) == 1 and hana.isdisjoint(old | second)
    with duckdb.connect() as connection, Vault(load_company(shop.folder)).opened(connection):
        kept = connection.execute("select token from vault.kept where value like 'hana@%'")
        assert {token for (token,) in kept.fetchall()} == hana


def test_another_key_of_the_vault_leaves_all_else_as_it_was(shop: Shop, monkeypatch):
    company, before = load_company(shop.folder), shop.result()
    monkeypatch.setenv("KIZUNA_NEW_VAULT_KEY", NEW)
    rotated = rotating.rotate(company, [VAULT], date(2026, 1, 10))
    assert rotated.counts["vault"] > 8 and shop.result() == before
    with duckdb.connect() as connection:
        with pytest.raises(WrongKey), Vault(company).opened(connection):
            pass
        with pytest.raises(duckdb.Error):
            connection.execute(f"attach '{Vault(company).path}' as v (encryption_key '{KEY}')")
    monkeypatch.setenv("KIZUNA_VAULT_KEY", NEW)
    with duckdb.connect() as connection, Vault(company).opened(connection):
        assert ("花村",) in connection.execute("select value from vault.kept").fetchall()


def erase(shop: Shop, **whom: str) -> None:
    company = load_company(shop.folder)
    person = erasing.find_person(company, **whom)
    erasing.erase(company, [erasing.Wish(person, Asked("a test", date(2026, 1, 10)))])


def test_who_was_erased_before_or_since_does_not_come_back(shop: Shop, monkeypatch):
    erase(shop, customer="crm:1")
    rotate(shop, monkeypatch)
    erase(shop, email=GUEST)
    rotate(shop, monkeypatch, THIRD)
    shop.deliver("shop/orders/c.csv", orders_of(
        ("O7", "", "HANA@example.jp", ""), ("O8", "", GUEST, ""),
        ("O9", "3", "j@b.jp", "")))  # fmt: skip
    shop.deliver("x/mentions/o.csv", "platform,mention_id,author_handle,occurred_at,text\n"
        "x,m3,@Hana,2026-01-06 10:00,また来ます\n")  # fmt: skip
    company = load_company(shop.folder)
    landing = Landing(company, date(2026, 1, 11), "night-11")
    for feed in landing.feeds:
        landing.load(feed)
    landing.close()
    assert landing.returned == {"shop/orders/c.csv", "x/mentions/o.csv"}
    erasing.forget_again(company, date(2026, 1, 11), landing.returned)
    rows = {row["order_id"]: row for row in rows_of_raw(shop)["orders"]}
    assert [rows[n]["email"] for n in ("O1", "O2", "O7", "O8")] == [None] * 4
    assert rows["O7"]["customer_id"] == rows["O1"]["customer_id"] == "erased-000001"
    assert rows["O9"]["email"] and rows["O9"]["customer_id"] == "3"
    authors = {row["mention_id"]: row["author_handle"] for row in rows_of_raw(shop)["mentions"]}
    assert authors == {"m1": None, "m3": None}
    assert places_of(company, ["hana@example.jp", "HANA@example.jp", GUEST, "@Hana"]) == {}


# ---- killed


def _rotate_and_die(folder: Path, step: str, visits: int, are_given: bool = True) -> None:
    given = {"KIZUNA_TOKEN_KEY": KEY, "KIZUNA_VAULT_KEY": KEY}
    given |= {"KIZUNA_NEW_TOKEN_KEY": NEW, "KIZUNA_NEW_VAULT_KEY": NEW}
    for variable, key in given.items():
        os.environ.pop(variable, None)
        os.environ |= {variable: key} if are_given else {}
    left = visits

    def reach(name: str) -> None:
        nonlocal left
        left -= name == step
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    renewing.reach = rotating.reach = reach
    rotating.rotate(load_company(folder), [TOKENS, VAULT], date(2026, 1, 10))


@pytest.fixture(scope="module")
def in_peace(first: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict]:
    """What the night after makes, with a rotation that nothing befell, and with none."""
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        for is_rotated in (False, True):
            give(patch, KEY)
            shop = copy_of(first, tmp_path_factory.mktemp("peace") / "shop")
            if is_rotated:
                rotate(shop, patch, NEW, NEW)
            deliver_second(shop)
            night(shop.folder, date(2026, 1, 11))
            results[is_rotated] = shop.result()
    assert results[True] != results[False]
    return results


@pytest.mark.parametrize(
    "step, visits",
    [
        ("file made anew", 5),
        ("all made anew", 1),
        ("file put in place", 4),
        *(pytest.param(step, 1, marks=pytest.mark.sweep) for step in ROTATION),
    ],
)
def test_one_that_was_killed_is_undone_or_finished_by_the_next_night(
    shop: Shop, in_peace: dict[bool, dict], monkeypatch, step: str, visits: int
):
    child = processes.Process(target=_rotate_and_die, args=(shop.folder, step, visits))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    is_decided = ROTATION.index(step) >= ROTATION.index("rotation decided")
    deliver_second(shop)
    wrong, key = (KEY, NEW) if is_decided else (NEW, KEY)
    give(monkeypatch, wrong)
    with pytest.raises(WrongKey):
        night(shop.folder, date(2026, 1, 11))
    give(monkeypatch, key)
    night(shop.folder, date(2026, 1, 11))
    assert shop.result() == in_peace[is_decided]
    assert not list(shop.data.rglob("*.rotating")) and not shop.leftovers()


def test_one_that_was_killed_is_finished_by_a_command(shop: Shop, kizuna, monkeypatch):
    child = processes.Process(target=_rotate_and_die, args=(shop.folder, "rotation decided", 1))
    child.start()
    child.join()
    give(monkeypatch, NEW)
    assert list(shop.data.rglob("*.rotating"))
    result = kizuna("verify", "--company", shop.folder)
    assert result.exit_code == 0, result.output
    assert not list(shop.data.rglob("*.rotating"))


@pytest.mark.parametrize("step, is_decided", [("all made anew", 0), ("rotation decided", 1)])
def test_a_key_that_one_had_made_is_dropped_or_put_in_its_file(
    tmp_path: Path, kizuna: Kizuna, monkeypatch, step: str, is_decided: int
):
    for variable in ("KIZUNA_TOKEN_KEY", "KIZUNA_VAULT_KEY"):
        monkeypatch.delenv(variable, raising=False)
    shop = Shop(tmp_path / "shop")
    deliver_first(shop)
    night(shop.folder, date(2026, 1, 10))
    files = [shop.data / "keys" / name for name in ("token.key", "vault.key")]
    before = [path.read_text() for path in files]
    child = processes.Process(target=_rotate_and_die, args=(shop.folder, step, 1, False))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert [path.read_text() for path in files] == before  # of which a copy is made too soon
    made = [path.with_name(f".{path.name}.rotating").read_text() for path in files]
    assert kizuna("verify", "--company", shop.folder).exit_code == 0
    assert [path.read_text() for path in files] == (made if is_decided else before)
    assert sorted(files) == sorted(files[0].parent.iterdir())
    deliver_second(shop)
    night(shop.folder, date(2026, 1, 11))


def test_one_for_which_there_is_no_room_leaves_everything_as_it_was(shop: Shop, monkeypatch):
    before, visits = shop.result(), iter(range(4))

    def reach(_: str) -> None:
        if next(visits, None) is None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(renewing, "reach", reach)
    with pytest.raises(OSError, match="No space left"):
        rotate(shop, monkeypatch)
    assert shop.result() == before and not list(shop.data.rglob("*.rotating"))
    deliver_second(shop)
    night(shop.folder, date(2026, 1, 11))


# ---- the command


def test_keys_that_lie_in_files_are_made_and_the_old_ones_go(tmp_path, kizuna, monkeypatch):
    for variable in ("KIZUNA_TOKEN_KEY", "KIZUNA_VAULT_KEY"):
        monkeypatch.delenv(variable, raising=False)
    shop = Shop(tmp_path / "shop")
    deliver_first(shop)
    shop.deliver("shop/orders/c.csv", orders(0, 9))
    night(shop.folder, date(2026, 1, 10))
    files = [shop.data / "keys" / name for name in ("token.key", "vault.key")]
    before = [path.read_text() for path in files]
    command = ("rotate", "--company", shop.folder, "--as-of", "2026-01-10")
    result = kizuna(*command, "--token-key", "--vault-key")
    assert result.exit_code == 0, result.output
    assert "key of the tokens: " in result.output and str(files[0]) in result.output
    present = [path.read_text() for path in files]
    assert all(old != new for old, new in zip(before, present, strict=True))
    assert not any(key.strip() in result.output for key in before + present)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert sorted(path.name for path in files[0].parent.iterdir()) == ["token.key", "vault.key"]
    deliver_second(shop)
    night(shop.folder, date(2026, 1, 11))
    files[0].write_text(before[0])
    with pytest.raises(WrongKey):
        night(shop.folder, date(2026, 1, 12))
    files[0].write_text(present[0])
    monkeypatch.setenv("KIZUNA_NEW_TOKEN_KEY", NEW)
    result = kizuna(*command, "--token-key")
    assert "from KIZUNA_NEW_TOKEN_KEY: give it as KIZUNA_TOKEN_KEY" in result.output
    assert not files[0].exists() and files[1].exists()
    with Ledger(shop.data / "ledger.sqlite").transaction() as db:
        told = db.execute("select ids, counts, state from rotations").fetchall()
    assert [row["state"] for row in told] == ["done", "done"]
    assert json.loads(told[0]["ids"]).keys() == {"tokens", "vault"}
    assert json.loads(told[0]["counts"])["raw"] == 5


def test_what_is_no_new_key_is_refused_and_nothing_touched(shop: Shop, kizuna, monkeypatch):
    before = shop.result()
    command = ("rotate", "--company", shop.folder)
    for new, flags, says in (
        (None, (), "say which key"),
        (None, ("--token-key",), "KIZUNA_NEW_TOKEN_KEY: is to hold the new key of the tokens"),
        (KEY, ("--token-key",), "KIZUNA_NEW_TOKEN_KEY: holds the present key"),
        ("short", ("--token-key",), "KIZUNA_NEW_TOKEN_KEY: a key of 32 or more characters"),
    ):
        if new is not None:
            monkeypatch.setenv("KIZUNA_NEW_TOKEN_KEY", new)
        result = kizuna(*command, *flags)
        assert result.exit_code == 2 and says in result.output
    assert shop.result() == before
