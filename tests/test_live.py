"""Live sources as company.yml names them, and what a night does when one of them is away."""

import json
import shutil

import dagster as dg
import duckdb
import pytest
from live_sources import D

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.examination import refuse_unfit
from orchestration.live.watermark import Watermark, Whole

URL = "postgresql://reader:${SHOP_DB_PASSWORD}@127.0.0.1:1/shop"


def config(text: str) -> str:
    return f"systems:\n  shop:\n    fetch:\n{text}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "      url: postgresql://reader:hunter2@db/shop\n      folders: {}\n",
            "line 4: `systems.shop.fetch.url`: a secret stands in the environment",
        ),
        (f"      url: {URL}\n      folders:\n        orders: {{tabel: x}}\n",
         "line 6: unknown key `tabel`; did you mean `table`?"),
        (f"      url: {URL}\n      polcy: optional\n      folders: {{orders: {{table: x}}}}\n",
         "line 5: unknown key `polcy`; did you mean `policy`?"),
        (f"      url: {URL}\n      folders: {{orders: {{cursor: x}}}}\n",
         "line 5: `systems.shop.fetch.folders.orders`: give either `table` or `query`"),
        (f"      url: {URL}\n      folders: {{ordres: {{table: x}}}}\n",
         "line 5: unknown feed `ordres`; did you mean `orders`?"),
        (f"      url: {URL}\n", "line 3: `systems.shop.fetch.folders` is missing"),
        ("      url: oracle://db/shop\n      folders: {orders: {table: x}}\n",
         "line 3: `systems.shop.fetch`: needs `url`, which begins with one of postgresql://"),
        (f"      url: {URL}?ssl=off\n      folders: {{orders: {{table: x}}}}\n",
         "line 4: `systems.shop.fetch.url`: unknown parameter `ssl`; known are sslmode"),
        (f"      url: {URL}?sslmode=prefer\n      folders: {{orders: {{table: x}}}}\n",
         "line 4: `systems.shop.fetch.url`: `sslmode` is one of disable, require, verify-ca"),
        (f"      url: {URL}\n      folders: {{order_items: {{table: x, cursor: y}}}}\n",
         "line 5: order_items arrive by whole"),
        (f"      url: {URL}\n      folders: {{orders: {{table: x, cursor: y}}}}\n"
         "    delivery: {orders: full}\n",
         "line 5: orders is delivered `full`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, said):
    (tmp_path / "company.yml").write_text(config(text))
    with pytest.raises(ConfigError) as error:
        refuse_unfit(load_company(tmp_path))
    assert f"company.yml {said}" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_mapping_may_read_what_is_fetched(tmp_path):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "shop.yml").write_text(
        "files: {users: {match: 'users/*'}}\n"
        "feeds: {customers: {from: users, columns: {customer_id: id}}}\n"
    )
    (tmp_path / "company.yml").write_text(
        config(f"      url: {URL}\n      folders: {{users: {{table: users}}}}\n")
    )
    refuse_unfit(load_company(tmp_path))


def test_a_missing_secret_stops_the_night_before_it_touches_anything(tmp_path, kizuna, monkeypatch):
    monkeypatch.delenv("SHOP_DB_PASSWORD", raising=False)
    (tmp_path / "company.yml").write_text(
        config(f"      url: {URL}\n      folders: {{orders: {{table: x}}}}\n")
    )
    result = kizuna("night", "--company", tmp_path, "--as-of", D)
    assert result.exit_code == 2
    assert "company.yml line 4: `shop` needs the variable SHOP_DB_PASSWORD" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["company.yml"]
    assert kizuna("versions", "--company", tmp_path).exit_code == 0
    assert "SHOP_DB_PASSWORD" in kizuna("doctor", "--company", tmp_path).output


def test_a_package_that_is_missing_is_named_with_the_command(tmp_path, kizuna, monkeypatch):
    monkeypatch.setenv("SHOP_DB_PASSWORD", "x")
    monkeypatch.setattr("orchestration.live.readiness.find_spec", lambda name: None)
    (tmp_path / "company.yml").write_text(
        config(f"      url: {URL}\n      folders: {{orders: {{table: x}}}}\n")
    )
    result = kizuna("night", "--company", tmp_path, "--as-of", D)
    assert result.exit_code == 2
    assert "psycopg" in result.output and "make live" in result.output


def test_a_source_that_is_away_costs_no_other_feed(tmp_path, kizuna, monkeypatch):
    monkeypatch.setenv("SHOP_DB_PASSWORD", "hunter2")
    crm = tmp_path / "landing" / "crm" / "customers"
    crm.mkdir(parents=True)
    (crm / "a.csv").write_text("customer_id,email\nc1,a@example.com\n")
    till = tmp_path / "landing" / "till" / "orders"
    till.mkdir(parents=True)
    (till / "a.csv").write_text(
        "order_id,customer_id,ordered_at,status,currency,total\n1,c1,2026-06-01,paid,JPY,1000\n"
    )
    away = "      wait_seconds: 0\n      folders:\n        orders: {table: orders"
    (tmp_path / "company.yml").write_text(config(f"      url: {URL}\n{away}}}\n"))
    stopped = kizuna("night", "--company", tmp_path, "--as-of", D)
    assert stopped.exit_code == 1
    assert (
        "shop/orders: could not be fetched from postgresql://127.0.0.1:1/shop, tried 3 times"
        in (" ".join(stopped.output.split()))
    )
    assert "landed crm/customers: 1 rows" in stopped.output
    assert not (tmp_path / "data" / "current").exists()

    (tmp_path / "company.yml").write_text(config(f"      url: {URL}\n{away}, policy: optional}}\n"))
    published = kizuna("night", "--company", tmp_path, "--as-of", D)
    assert published.exit_code == 0, published.output
    assert "! shop/orders: could not be fetched" in published.output
    assert "Not fetched tonight: fetched/shop/orders, never yet" in published.output
    with duckdb.connect(str(tmp_path / "data/current/kizuna.duckdb"), read_only=True) as marts:
        assert marts.sql(
            "select severity, passed, observed, expected from marts.data_quality"
            " where asset = 'fetched/shop/orders' order by run_id"
        ).fetchall() == [
            ("error", False, "never yet", f"as of {D}"),
            ("warn", False, "never yet", f"as of {D}"),
        ]
    secret = b"hunter2"
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_bytes()]
    shutil.rmtree(tmp_path / "data")


def test_what_is_fetched_is_an_asset_before_the_feed_that_comes_of_it(tmp_path, monkeypatch):
    from orchestration.definitions import defs

    (tmp_path / "company.yml").write_text(
        config(f"      url: {URL}\n      folders: {{orders: {{table: x}}}}\n")
    )
    monkeypatch.setenv("KIZUNA_COMPANY", str(tmp_path))
    graph = defs().resolve_asset_graph()
    fetched = dg.AssetKey(["fetched", "shop", "orders"])
    assert graph.get(fetched).kinds == {"postgres"}
    assert graph.get(dg.AssetKey(["raw", "orders", "orders"])).parent_keys == {fetched}
    assert not graph.get(dg.AssetKey(["raw", "crm", "customers"])).parent_keys


# ---- watermarks


def read(mark: Watermark, *rows: tuple) -> list:
    return [row for row in rows if mark.admit(row[0], json.dumps(row, default=str).encode())]


def test_a_watermark_never_goes_back_and_tells_ties_apart():
    first = Watermark({}, "c", overlap=0)
    assert first.start is None
    assert len(read(first, ("2026-01-02T00:00:00Z", 1), ("2026-01-01T00:00:00Z", 2))) == 2
    second = Watermark(first.state(), "c", overlap=0)
    assert second.start == "2026-01-02T00:00:00Z"
    assert read(second, ("2026-01-02T00:00:00Z", 1), ("2026-01-02T09:00:00+09:00", 3)) == [
        ("2026-01-02T09:00:00+09:00", 3)
    ]
    third = Watermark(second.state(), "c", overlap=3600)
    assert third.start == "2026-01-01T23:00:00Z"
    assert read(third, ("2026-01-02T00:00:00Z", 1)) == []


def test_numbers_are_compared_as_numbers():
    mark = Watermark({}, "id", overlap=None)
    read(mark, (9, "a"), (10, "b"))
    assert Watermark(mark.state(), "id", None).start == 10
    assert Watermark(mark.state(), "id", 3).start == 7


def test_what_is_whole_is_the_same_in_any_order():
    def whole(state: dict, *rows: bytes) -> Whole:
        mark = Whole(state)
        assert all(mark.admit(None, row) for row in rows)
        return mark

    state = whole({}, b"a", b"b").state()
    assert not whole(state, b"b", b"a").has_news
    assert whole(state, b"a").has_news
    assert whole(state, b"a", b"b", b"b").has_news
