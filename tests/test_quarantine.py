"""`kizuna quarantine`: what is set aside is listed and shown, and comes in once, when mended."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from conftest import Kizuna

from orchestration.company import load_company
from orchestration.landing import Landing, LandingError
from orchestration.lock import only_writer

MAPPING = """
files: {o: {match: "*.csv"%s}}
feeds:
  orders:
    from: o
    columns:
      order_id: Nr
      customer_id: Who
      ordered_at: At
      currency: {constant: JPY}
      status: {column: State, values: {done: completed%s}}
"""
FILE = "Nr,Who,At,State\n1,c1,2026-01-05,done\n2,c2,2026-01-06,sent\n3,会員,2026-02-30,sent\n"


class Till:
    """A company folder and the nights in it that only take in."""

    def __init__(self, folder: Path, kizuna: Kizuna):
        self.folder = folder
        self.kizuna = kizuna
        self.write("company.yml", "max_quarantined_share: '99 %'\n")

    def write(self, name: str, text: str, encoding: str = "utf-8") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))

    def night(self, day: int) -> None:
        landing = Landing(load_company(self.folder), date(2026, 3, day), f"2026-03-{day:02}-001")
        for feed in landing.feeds:
            landing.load(feed)
        landing.close()

    def said(self, *args: str) -> str:
        result = self.kizuna("quarantine", *args, "--company", self.folder)
        assert result.exit_code == 0, result.output
        return result.output

    def loaded(self, feed: str, source: str = "orders") -> list[tuple]:
        """The ids of the rows that stand."""
        files = f"{self.folder}/data/raw/{source}/{feed}/*/*.parquet"
        loads = f"{self.folder}/data/raw/ledger/loads/*/*.parquet"
        key = {"orders": "order_id", "order_items": "order_item_id"}[feed]
        return duckdb.sql(f"""
            select {key} from read_parquet('{files}', hive_partitioning = true) as raw
            where load_id in (select load_id from read_parquet('{loads}', hive_partitioning = false)
                where not is_superseded)
            order by all
        """).fetchall()


@pytest.fixture
def till(tmp_path, kizuna) -> Till:
    return Till(tmp_path, kizuna)


@pytest.fixture
def mapped(till) -> Till:
    till.write("mappings/till.yml", MAPPING % ("", ""))
    till.write("landing/till/a.csv", FILE)
    till.night(1)
    return till


def test_the_list_tells_feed_reason_file_rows_and_nights(mapped):
    said = mapped.said("list")
    for word in (
        "orders",
        "till/a.csv",
        "status",
        "not one of pending",
        "ordered_at",
        "2026-03-01",
    ):
        assert word in said
    assert "Nothing is in quarantine" in mapped.said("list", "--feed", "customers")


def test_a_row_is_shown_with_its_place_and_what_may_be_personal_hidden(till):
    header = "customer_id,email,created_at,nickname\n"
    till.write("landing/crm/customers/a.csv", header + "1,hana@example.com,2026-02-30,Hana\n")
    till.write("landing/crm/customers/b.csv", header + '2,"taro@example.com\n3,x,2026-01-01,y\n')
    till.night(1)
    said = till.said("show")
    assert "created_at" in said and "2026-02-30" in said and "does not close" in said
    assert not any(word in said for word in ("example.com", "Hana", "taro"))
    said = till.said("show", "--plain", "--file", "b.csv").replace("\n", "")
    assert "taro" in said and "Hana" not in said
    assert "2 in quarantine" in till.said("show") and "1 more" in till.said("show", "--limit", "1")


def test_a_mended_mapping_brings_the_rows_in_once(mapped):
    assert mapped.loaded("orders") == [("1",)]
    assert "No row would come in" in mapped.said("replay")
    mapped.write("mappings/till.yml", MAPPING % ("", ", sent: shipped"))
    for _ in range(2):
        assert "1 rows come in with the next night" in mapped.said("replay")
    assert mapped.loaded("orders") == [("1",)]
    mapped.night(2)
    assert mapped.loaded("orders") == [("1",), ("2",)]
    assert "No row would come in" in mapped.said("replay")
    mapped.night(3)
    assert mapped.loaded("orders") == [("1",), ("2",)]
    assert "status" not in mapped.said("list") and "ordered_at" in mapped.said("list")


def test_a_file_that_was_refused_comes_in_once_its_encoding_is_said(till):
    till.write("mappings/till.yml", MAPPING % ("", ", sent: shipped"))
    till.write("landing/till/a.csv", FILE, "cp932")
    till.night(1)
    assert "file rejected: line 4" in till.said("list")
    till.write("mappings/till.yml", MAPPING % (", encoding: cp932", ", sent: shipped"))
    assert "2 rows come in" in till.said("replay")
    till.night(2)
    assert till.loaded("orders") == [("1",), ("2",)]
    assert "rejected" not in till.said("list")


def test_lines_of_an_order_that_is_cancelled_later_come_in(till):
    orders = "order_id,ordered_at,status,currency\n1,2026-01-05,{},JPY\n"
    items = "order_item_id,order_id,product_id,quantity,line_total\ni,1,p,-1,-5\nj,1,p,1,5\n"
    till.write("landing/shop/orders/a.csv", orders.format("paid"))
    till.write("landing/shop/order_items/a.csv", items)
    till.night(1)
    assert till.loaded("order_items") == [("j",)]
    till.write("landing/shop/orders/b.csv", orders.format("cancelled"))
    till.night(2)
    assert till.loaded("order_items") == [("j",)]  # nothing of that file has changed
    assert "1 rows come in" in till.said("replay")
    for day in (3, 4):
        till.night(day)
        assert till.loaded("order_items") == [("i",), ("j",)]
    assert "Nothing that lies in landing/" in till.said("replay")


def test_what_stopped_a_night_can_be_seen(till):
    till.write("company.yml", "name: Till\n")
    till.write("mappings/till.yml", MAPPING % ("", ""))
    till.write("landing/till/a.csv", FILE)
    with pytest.raises(LandingError):
        till.night(1)
    assert "2026-02-30" in till.said("show", "--run", "2026-03-01-001")
    assert till.kizuna("quarantine", "show", "--run", "no", "--company", till.folder).exit_code == 2


def test_wrong_words_and_another_writer_are_told_by_exit_code(till, kizuna):
    result = kizuna("quarantine", "list", "--feed", "order", "--company", till.folder)
    assert result.exit_code == 2 and "did you mean `orders`?" in result.output
    with only_writer(load_company(till.folder).lock):
        assert kizuna("quarantine", "replay", "--company", till.folder).exit_code == 3
