"""A night's arrivals: every form of file, every fault of one, and one night after another."""

import contextlib
import gzip
import json
import os
import shutil
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.ingest import duck
from orchestration.landing import Landing, LandingError
from orchestration.ledger import Ledger

D = "2026-01-31"
HEADER = "order_id,customer_id,ordered_at,status,currency,total\n"
ORDERS = HEADER + '1,c1,2026-01-05 10:00:00,paid,JPY,1000\n2,c2,2026-01-06,paid,JPY,"2,000"\n'
BAD = HEADER + "1,c1,2026-01-05,paid,JPY,10\n2,c2,2026-02-30,paid,JPY,20\n"


class Shop:
    """A company folder with whatever a test puts into it."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "landing").mkdir()
        self.settings("max_quarantined_share: '99 %'")
        self.runs = 0

    def settings(self, text: str) -> None:
        (self.folder / "company.yml").write_text(text)

    def deliver(
        self, name: str, content: str | bytes, feed: str = "orders", system: str = "shop"
    ) -> Path:
        path = self.folder / "landing" / system / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    def open(self, as_of: str = D) -> Landing:
        self.runs += 1
        return Landing(load_company(self.folder), date.fromisoformat(as_of), f"run-{self.runs}")

    def night(self, as_of: str = D) -> dict:
        landing = self.open(as_of)
        self.reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        self.landing = landing
        return self.reports

    def query(self, sql: str, feed: str = "orders") -> list:
        source = feeds_by_name()[feed].source if feed in feeds_by_name() else "ledger"
        raw = f"read_parquet('{self.folder}/data/raw/{source}/{feed}/*/*.parquet')"
        return duckdb.connect().execute(sql.format(raw=raw)).fetchall()

    def quarantined(self) -> list:
        return self.query(
            "select file, line, column_name, value, reason from {raw}", "quarantined_rows"
        )


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def loaded(shop) -> list:
    return shop.query("select order_id, total::double, source_row from {raw} order by all")


# ---- forms of files


def xlsx(folder: Path, sql: str) -> bytes:
    connection = duckdb.connect()
    duck.load_extension(connection, "excel")
    path = folder / "made.xlsx"
    connection.execute(f"copy ({sql}) to '{path}' (format xlsx, header true)")
    return path.read_bytes()


def parquet(folder: Path, table: pa.Table) -> bytes:
    pq.write_table(table, folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


LINES = [
    {
        "order_id": "1",
        "ordered_at": "2026-01-05T10:00:00",
        "status": "paid",
        "currency": "JPY",
        "total": 1000,
    },
    {
        "order_id": "2",
        "ordered_at": "2026-01-06",
        "status": "paid",
        "currency": "JPY",
        "total": "2,000",
    },
]
JSONL = "".join(json.dumps(line) + "\n" for line in LINES)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ORDERS.encode()),
        ("a.CSV", ORDERS.encode()),
        ("a.csv", ORDERS.encode("utf-8-sig")),
        ("a.csv", ORDERS.encode("utf-16")),
        ("a.csv", ORDERS.replace("\n", "\r\n").encode()),
        ("a.csv", ORDERS.replace("\n", "\r").encode()),
        ("a.csv", ORDERS.rstrip("\n").encode()),
        ("a.csv", (ORDERS + "\n\n").encode()),
        ("a.csv.gz", gzip.compress(ORDERS.encode())),
        ("a.csv.zst", zstandard.compress(ORDERS.encode())),
        ("a.tsv", ORDERS.replace('"2,000"', "2000").replace(",", "\t").encode()),
        ("it's a; [file] {{ x }}*.csv", ORDERS.encode()),
    ],
)
def test_text_files_of_every_form_are_read(shop, name, content):
    shop.deliver(name, content)
    report = shop.night()["orders"]
    assert (report.rows_in, report.rows_quarantined, report.rejected) == (2, 0, {})
    assert loaded(shop) == [("1", 1000.0, 2), ("2", 2000.0, 3)]
    assert shop.query("select distinct source_file, system from {raw}") == [
        (f"shop/orders/{name}", "shop")
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_json_lines_are_read(shop, name):
    pack = {"gz": gzip.compress, "zst": zstandard.compress}.get(name[-3:].lstrip("."), bytes)
    shop.deliver(name, pack(JSONL.replace("\n", "\n\n", 1).encode()))
    shop.night()
    assert loaded(shop) == [("1", 1000.0, 1), ("2", 2000.0, 3)]


def test_parquet_is_read_whatever_its_types(shop, tmp_path):
    table = pa.table(
        {
            "order_id": pa.array([1.0, 2.0]),
            "ordered_at": pa.array(
                [datetime(2026, 1, 5, 10), datetime(2026, 1, 6)], pa.timestamp("ns")
            ),
            "status": pa.array(["paid", "paid"]).dictionary_encode(),
            "currency": ["JPY", "JPY"],
            "total": pa.array([1000.5, float("nan")]),
            "is_test": [False, None],
        }
    )
    shop.deliver("a.parquet", parquet(tmp_path, table))
    shop.night()
    assert shop.query(
        "select order_id, ordered_at, total::double, is_test, source_row from {raw}"
    ) == [("1", datetime(2026, 1, 5, 1), 1000.5, False, 1)]
    assert shop.quarantined() == [("shop/orders/a.parquet", 2, "total", "NaN", "not a number")]


def test_a_parquet_time_with_a_zone_is_that_moment(shop, tmp_path):
    stamp = pa.array([datetime(2026, 1, 5, 10)], pa.timestamp("us", "UTC"))
    table = pa.table(
        {"order_id": ["1"], "ordered_at": stamp, "status": ["paid"], "currency": ["JPY"]}
    )
    shop.deliver("a.parquet", parquet(tmp_path, table))
    shop.night()
    assert shop.query("select ordered_at from {raw}") == [(datetime(2026, 1, 5, 10),)]


def test_workbooks_are_read(shop, tmp_path):
    content = xlsx(
        tmp_path,
        "select 1 as order_id, timestamp '2026-01-05 10:00:00' as ordered_at, 'paid' as status,"
        " 'JPY' as currency, 1000.5 as total, null::timestamp as cancelled_at"
        " union all select 2, timestamp '2026-01-06', 'cancelled', 'JPY', 2000,"
        " timestamp '2026-01-07 09:00:00'",
    )
    shop.deliver("a.xlsx", content)
    shop.night()
    assert shop.query(
        "select order_id, ordered_at, total::double, cancelled_at, source_row from {raw}"
    ) == [
        ("1", datetime(2026, 1, 5, 1), 1000.5, None, 2),
        ("2", datetime(2026, 1, 5, 15), 2000.0, datetime(2026, 1, 7), 3),
    ]


def test_values_over_several_lines_keep_the_place_of_every_row(shop):
    text = (
        'ticket_id,opened_at,body\n1,2026-01-01,"a\nb\r\nc"\n2,2026-01-02,plain\n3,2026-13-01,x\n'
    )
    shop.deliver("t.csv", text, "support_tickets", "desk")
    shop.night()
    assert shop.query("select ticket_id, source_row from {raw} order by 1", "support_tickets") == [
        ("1", 2),
        ("2", 5),
    ]
    assert shop.quarantined()[0][:3] == ("desk/support_tickets/t.csv", 6, "opened_at")


def test_blank_lines_between_rows_keep_the_place_of_every_row(shop):
    shop.deliver("a.csv", ORDERS.replace("\n2,", "\n\n  \n2,"))
    shop.night()
    assert loaded(shop) == [("1", 1000.0, 2), ("2", 2000.0, 5)]


def test_columns_in_another_order_and_case_and_unknown_ones(shop):
    shop.deliver(
        "a.csv",
        "Total,ORDER_ID,ordered_at,status,currency,nickname,phone\n"
        "5,1,2026-01-05,paid,JPY,Neko,090-1\n",
    )
    report = shop.night()["orders"]
    assert report.unknown_columns == ["nickname", "phone"]
    assert "unknown columns nickname, phone" in report.warnings[0]
    ((extra,),) = shop.query("select extra_columns from {raw}")
    assert json.loads(extra)["nickname"] == "Neko"
    assert len(json.loads(extra)["phone"]) == 64  # a column that is personal elsewhere is so here


def test_plain_personal_data_reaches_neither_raw_nor_the_ledger(shop):
    shop.deliver(
        "a.csv",
        HEADER.replace("total", "email")
        + "1,c,2026-01-05,paid,JPY,hanako@example.com\n"
        + '2,c,2026-02-30,paid,JPY,taro@example.com\nx,"hanako@example.com\n',
    )
    shop.deliver(
        "i.csv",
        "customer_id,identity_type,identity_value\n1,fax,hanako@example.com\n2,email,a@b.c\n",
        "identities",
    )
    shop.night()
    stored = b"".join(p.read_bytes() for p in (shop.folder / "data" / "raw").rglob("*.parquet"))
    stored += (shop.folder / "data" / "ledger.sqlite").read_bytes()
    assert b"example.com" not in stored
    kept = next((shop.folder / "data" / "quarantine").rglob("*orders.parquet"))
    assert "taro@example.com" in str(pq.read_table(kept).to_pylist())


# ---- faults of a file


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.zip", b"PK", "an archive (.zip)"),
        ("a.tar.gz", b"x", "an archive (.tar)"),
        ("a.exe", b"x", "unknown file type .exe"),
        ("orders", b"x", "a file without a type in its name"),
        ("a.csv", b"", "the file is empty (0 bytes)"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "empty once unpacked"),
        ("a.csv.gz", gzip.compress(ORDERS.encode(), mtime=0)[:-9], "ends too early, at byte"),
        ("a.csv.gz", b"not gzip at all", "corrupt gzip after byte 0"),
        ("a.csv.gz", gzip.compress(b"0" * 100_000_000, mtime=0), "zip bomb"),
        ("a.csv.zst", zstandard.compress(ORDERS.encode())[:-3], "ends too early, at byte"),
        ("a.parquet", b"PAR1 and no more", "not readable as Parquet"),
        ("a.xlsx", b"PK and no more", "not readable as XLSX"),
        ("a.csv", ORDERS.replace("c1", "会員").encode("cp932"), "line 2, byte 56: not UTF-8"),
        ("a.csv", (ORDERS + "3,c3,2026-01-0").encode(), "line 4: the file ends in the middle of a"),
        ("a.csv", (ORDERS + '3,"c3,2026').encode(), "line 4: the file ends in the middle of a row"),
        ("a.csv", (ORDERS + "3," + "x" * 3_000_000).encode(), "longer than 2,000,000 bytes"),
        ("a.csv", ORDERS.replace(",", ";").encode(), "is its delimiter ';'?"),
        ("a.csv", ORDERS.replace("currency", "curr").encode(), "the required column `currency`"),
        ("a.jsonl", b'{"order_id": "1"}\n', "lacks the required columns `ordered_at`, `status`,"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_rejected_and_the_others_load(shop, name, content, reason):
    shop.deliver(name, content)
    shop.deliver("z.csv", ORDERS)
    report = shop.night()["orders"]
    assert list(report.rejected) == [f"shop/orders/{name}"]
    assert reason in report.rejected[f"shop/orders/{name}"]
    assert report.rows_loaded == 2
    assert [(q[0], q[1]) for q in shop.quarantined()] == [(f"shop/orders/{name}", None)]
    assert reason in shop.quarantined()[0][4]
    assert shop.query("select file from {raw}", "loads") == [("shop/orders/z.csv",)]


def test_a_rejected_file_is_not_tried_every_night_but_when_it_has_changed(shop):
    shop.deliver("a.csv", b"")
    assert shop.night()["orders"].rejected
    assert not shop.night("2026-02-01")["orders"].rejected
    shop.deliver("a.csv", ORDERS)
    assert shop.night("2026-02-02")["orders"].rows_loaded == 2


def test_a_file_of_no_feed_is_rejected_with_the_nearest_name(shop):
    shop.deliver("a.csv", ORDERS, feed="order")
    (shop.folder / "landing" / "b.csv").write_text(ORDERS)
    (shop.folder / "landing" / ".DS_Store").write_text("x")
    shop.night()
    assert "did you mean `orders`?" in shop.landing.rejected["shop/order/a.csv"]
    assert "lies in no system's folder" in shop.landing.rejected["b.csv"]
    assert len(shop.quarantined()) == 2


def test_a_file_that_changes_while_it_is_read_is_rejected_and_read_when_it_is_whole(shop):
    path = shop.deliver("a.csv", ORDERS)
    landing = shop.open()
    path.write_text(BAD)
    assert (
        "changed while it was read"
        in landing.load(feeds_by_name()["orders"]).rejected["shop/orders/a.csv"]
    )
    landing.close()
    assert shop.night("2026-02-01")["orders"].rows_loaded == 1


def test_a_full_disk_names_the_path_and_leaves_no_file_under_its_final_name(shop, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    shop.deliver("a.csv", ORDERS)
    landing = shop.open()
    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_batch", full)
    with pytest.raises(OSError, match=r"No space left on device.*part-0\.parquet"):
        landing.load(feeds_by_name()["orders"])
    monkeypatch.undo()
    assert not list((shop.folder / "data" / "raw").rglob("load_id=0*"))
    assert shop.night()["orders"].rows_loaded == 2


def test_a_link_out_of_landing_is_not_followed(shop, tmp_path):
    (tmp_path / "secret.csv").write_text(ORDERS)
    folder = shop.folder / "landing" / "shop" / "orders"
    folder.mkdir(parents=True)
    (folder / "a.csv").symlink_to(tmp_path / "secret.csv")
    assert "a link that leads out" in shop.night()["orders"].rejected["shop/orders/a.csv"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("9,c9,2026-01-09", "3 columns where the header has 6"),
        ("9,c9,2026-01-09,paid,JPY,1,2", "7 columns where the header has 6"),
        (
            '9,"c9,2026-01-09,paid,JPY,1',
            "a quote that does not close, or text behind a closing quote",
        ),
        (
            '9,"c"9,2026-01-09,paid,JPY,1',
            "a quote that does not close, or text behind a closing quote",
        ),
        ("9,c\0,2026-01-09,paid,JPY,1", "holds a NUL byte"),
        (HEADER.strip(), "the header, repeated"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_line_that_is_no_row_is_quarantined_with_its_place_and_the_others_load(
    shop, line, reason, ending
):
    text = ORDERS.replace("\n2,", f"\n{line}\n2,").rstrip("\n") + ending
    shop.deliver("a.csv", text)
    report = shop.night()["orders"]
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (3, 2, 1)
    assert loaded(shop) == [("1", 1000.0, 2), ("2", 2000.0, 4)]
    assert shop.quarantined() == [("shop/orders/a.csv", 3, None, None, reason)]


def test_carriage_returns_inside_a_line_spoil_that_line_alone(shop):
    first, rest = JSONL.split("\n", 1)
    shop.deliver("a.jsonl", first[:9] + "\r" * 9 + first[9:] + "\n" + rest)
    shop.night()
    assert [q[1:] for q in shop.quarantined()] == [(1, None, None, "not valid JSON")]
    assert len(loaded(shop)) == len(LINES) - 1


def test_a_line_that_is_no_json_is_quarantined(shop):
    shop.deliver("a.jsonl", JSONL + '{"order_id": \n[1]\n')
    shop.night()
    assert len(loaded(shop)) == 2
    assert [q[1:] for q in shop.quarantined()] == [
        (3, None, None, "not valid JSON"),
        (4, None, None, "not a JSON object"),
    ]


def test_a_bad_value_is_quarantined_with_all_that_is_known_of_it_and_good_rows_load(shop):
    shop.deliver("a.csv", BAD)
    report = shop.night()["orders"]
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (2, 1, 1)
    assert report.reasons == {("ordered_at", "not a date and time"): 1}
    assert shop.quarantined() == [
        ("shop/orders/a.csv", 3, "ordered_at", "2026-02-30", "not a date and time")
    ]


def test_missing_file_empty_file_and_header_only_are_three_things(shop):
    assert shop.night()["orders"].files == []
    shop.deliver("a.csv", HEADER)
    report = shop.night("2026-02-01")["orders"]
    assert (report.rows_in, report.rejected) == (0, {})
    assert "has a header and no rows" in report.warnings[0]
    assert shop.query("select count(*) from {raw}", "loads") == [(1,)]


def test_what_becomes_other_is_reported(shop):
    shop.deliver(
        "p.csv",
        "platform,post_id,posted_at,content_type\nX,1,2026-01-01,Poll\nX,2,2026-01-01,PHOTO\n",
        "posts",
    )
    report = shop.night()["posts"]
    assert report.warnings == ["shop/posts/p.csv: content_type: 1 × `Poll` became `other`"]
    assert shop.query("select platform, content_type from {raw} order by post_id", "posts") == [
        ("x", "other"),
        ("x", "photo"),
    ]


def test_an_item_may_be_negative_where_its_order_is_cancelled_now_or_before(shop):
    header = "order_item_id,order_id,product_id,quantity,line_total\n"
    shop.deliver("a.csv", ORDERS.replace("2,c2,2026-01-06,paid", "2,c2,2026-01-06,cancelled"))
    shop.deliver("i.csv", header + "i1,1,p,-1,-10\ni2,2,p,-1,-10\ni3,1,p,1,10\n", "order_items")
    shop.night()
    query = "select order_item_id, source_row from {raw} order by 1"
    assert shop.query(query, "order_items") == [("i2", 3), ("i3", 4)]
    shop.deliver("j.csv", header + "i4,2,p,-1,-10\n", "order_items")
    shop.night("2026-02-01")
    assert ("i4", 2) in shop.query(query, "order_items")


# ---- one night after another


def test_the_same_content_is_not_loaded_again_under_any_name(shop):
    shop.deliver("a.csv", ORDERS)
    shop.deliver("b.csv", ORDERS)
    report = shop.night()["orders"]
    assert report.rows_loaded == 2
    shop.deliver("c.csv", ORDERS)
    report = shop.night("2026-02-01")["orders"]
    assert (report.rows_in, report.rows_duplicate) == (0, 2)
    assert len(loaded(shop)) == 2
    # another feed or system is another matter
    shop.deliver("a.csv", ORDERS, system="pos")
    assert shop.night("2026-02-02")["orders"].rows_loaded == 2


def test_new_content_under_an_old_name_supersedes_and_the_old_stays_on_record(shop):
    shop.deliver("a.csv", ORDERS)
    shop.night()
    shop.deliver("a.csv", ORDERS.replace("1000", "1500"))
    shop.night("2026-02-01")
    superseded = "select is_superseded from {raw} order by delivered_at"
    assert shop.query(superseded, "loads") == [(True,), (False,)]
    shop.deliver("a.csv", ORDERS)
    shop.night("2026-02-02")
    assert shop.query("select is_superseded from {raw} order by delivered_at", "loads") == [
        (True,),
        (True,),
        (False,),
    ]


def test_a_second_night_over_the_same_landing_changes_nothing(shop):
    shop.deliver("a.csv", BAD)
    shop.night()
    before = {p: p.read_bytes() for p in (shop.folder / "data" / "raw").rglob("*.parquet")}
    shop.night()
    assert {p: p.read_bytes() for p in (shop.folder / "data" / "raw").rglob("*.parquet")} == before


def test_deliveries_have_one_time_which_no_clock_gives(shop):
    shop.deliver("a.csv", ORDERS)
    shop.night()
    assert shop.query("select distinct delivered_at from {raw}") == [(datetime(2026, 1, 31, 15),)]
    shop.deliver("b.csv", ORDERS.replace("1000", "1"))
    shop.night("2026-01-15")
    assert shop.query("select max(delivered_at) from {raw}") == [(datetime(2026, 1, 31, 15, 0, 1),)]


def test_load_ids_are_counted_and_carry_the_content(shop):
    shop.deliver("b.csv", ORDERS)
    shop.deliver("a.csv", BAD)
    shop.night()
    loads = f"{shop.folder}/data/raw/ledger/loads/*/*.parquet"
    ids = shop.query(
        f"select load_id, file, sha256[:8] from read_parquet('{loads}', hive_partitioning = false)"
        " order by 1"
    )
    assert [(i[:7], f) for i, f, _ in ids] == [
        ("000001-", "shop/orders/a.csv"),
        ("000002-", "shop/orders/b.csv"),
    ]
    assert all(i.endswith(s) for i, _, s in ids)


def test_too_many_bad_rows_stop_the_night_and_a_mended_rerun_converges(shop, tmp_path):
    shop.settings("max_quarantined_share: {default: '1 %', surveys: '50 %'}")
    shop.deliver("s.csv", "survey_id,kind\ns1,relationship\n", "surveys")
    path = shop.deliver("a.csv", BAD)
    landing = shop.open()
    landing.load(feeds_by_name()["surveys"])
    with pytest.raises(LandingError) as told:
        landing.load(feeds_by_name()["orders"])
    message = str(told.value)
    for part in (
        "orders",
        "1 of 2",
        "50.00%",
        "1.00%",
        "ordered_at: not a date and time",
        "shop/orders/a.csv",
    ):
        assert part in message
    assert next((shop.folder / "data" / "quarantine" / "run-1").glob("*-orders.parquet"))
    assert not list((shop.folder / "data" / "raw" / "orders").rglob("load_id=0*"))

    path.write_text(ORDERS)
    shop.night()
    clean = Shop(tmp_path / "clean") if (tmp_path / "clean").mkdir() is None else None
    clean.deliver("s.csv", "survey_id,kind\ns1,relationship\n", "surveys")
    clean.deliver("a.csv", ORDERS)
    clean.night()
    for feed in ("orders", "surveys"):
        query = "select * from {raw} order by all"
        assert shop.query(query, feed) == clean.query(query, feed)


def test_a_shrunken_full_export_stops_the_night(shop):
    shop.settings("systems: {shop: {delivery: {products: full}}}")
    rows = [f"p{i},name\n" for i in range(100)]
    shop.deliver("a.csv", "product_id,name\n" + "".join(rows), "products")
    shop.night()
    shop.deliver("b.csv", "product_id,name\n" + "".join(rows[:85]), "products")
    shop.night("2026-02-01")
    assert shop.query("select is_full from {raw}", "loads") == [(True,), (True,)]
    shop.deliver("c.csv", "product_id,name\n" + "".join(rows[:40]), "products")
    landing = shop.open("2026-02-02")
    with pytest.raises(LandingError, match=r"40 rows, the one before it had 85: it lost 52\.9%"):
        landing.load(feeds_by_name()["products"])
    assert len(list((shop.folder / "data" / "raw" / "orders" / "products").glob("load_id=0*"))) == 2


def test_columns_that_come_and_go_and_unusual_volumes_are_told(shop):
    shop.deliver("a.csv", ORDERS)
    shop.night()
    more = "".join(f"{i},c,2026-01-07,paid,JPY,1,x\n" for i in range(100))
    shop.deliver(
        "b.csv", HEADER.replace("customer_id", "channel").replace("total\n", "total,new\n") + more
    )
    warnings = " ".join(shop.night("2026-02-01")["orders"].warnings)
    assert "b.csv: columns since shop/orders/a.csv: missing customer_id (null from now" in warnings
    assert "new channel (taken in from now on); new new (kept in raw, and in no figure)" in warnings
    assert "100 rows where 2 are usual" in warnings


@pytest.mark.parametrize("step", ["aside", "renamed", "recorded"])
def test_a_night_killed_at_any_step_leaves_nothing_that_the_next_one_trips_over(
    shop, tmp_path, monkeypatch, step
):
    shop.deliver("a.csv", ORDERS)
    shop.deliver("s.csv", "survey_id,kind\ns1,relationship\n", "surveys")
    landing = shop.open()
    landing.load(feeds_by_name()["surveys"])

    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    if step == "aside":
        monkeypatch.setattr("orchestration.landing.os.rename", kill)
    elif step == "renamed":
        monkeypatch.setattr(Ledger, "record_loads", kill)
    with contextlib.suppress(Killed):
        landing.load(feeds_by_name()["orders"])
    monkeypatch.undo()

    shop.night()
    clean = Shop(tmp_path / "clean") if (tmp_path / "clean").mkdir() is None else None
    shutil.copytree(shop.folder / "landing", clean.folder / "landing", dirs_exist_ok=True)
    clean.night()
    for table in ("orders", "surveys", "loads"):
        query = "select * from {raw} order by all"
        assert shop.query(query, table) == clean.query(query, table)
    assert not (shop.folder / "data" / "raw" / ".incoming").exists()
    assert not list((shop.folder / "data" / "work").glob("landing-*"))


def test_every_feed_has_an_empty_parquet_of_the_whole_schema(shop):
    shop.night()
    for feed in feeds_by_name().values():
        path = (
            shop.folder
            / "data"
            / "raw"
            / feed.source
            / feed.name
            / "load_id=none"
            / "empty.parquet"
        )
        described = duckdb.connect().execute(f"describe from '{path}'").fetchall()
        assert {row[0]: row[1] for row in described if row[0] != "load_id"} == feed.schema


def test_raw_has_the_contract_s_types(shop):
    shop.deliver("a.csv", ORDERS)
    shop.night()
    path = next((shop.folder / "data" / "raw" / "orders" / "orders").glob("load_id=0*/*.parquet"))
    described = (
        duckdb.connect()
        .execute(f"describe select * from read_parquet('{path}', hive_partitioning = false)")
        .fetchall()
    )
    assert {row[0]: row[1] for row in described} == feeds_by_name()["orders"].schema


def test_an_id_is_of_the_one_system_that_delivers_its_feed_unless_the_company_says_otherwise(shop):
    shop.settings("systems: {web: {ids_of: {order_id: pos}}, pos: {ids_of: {customer_id: pos}}}")
    shop.deliver("c.csv", "customer_id\nc1\n", "customers", "crm")
    shop.deliver("a.csv", ORDERS)
    shop.deliver("a.csv", ORDERS, system="pos")
    shop.deliver(
        "e.csv",
        "event_id,anonymous_id,occurred_at,event_name\ne,a,2026-01-01,login\n",
        "web_events",
        "web",
    )
    shop.night()
    assert shop.landing.id_systems() == {
        "customer_id": {"shop": "crm", "web": "crm"},
        "order_id": {"web": "pos"},
    }


def test_the_key_is_made_once_and_only_its_owner_may_read_it(shop):
    shop.deliver("a.csv", ORDERS)
    shop.night()
    key = shop.folder / "data" / "keys" / "token.key"
    first = key.read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    shop.deliver("b.csv", BAD)
    shop.night("2026-02-01")
    assert key.read_text() == first


def test_a_ledger_of_a_newer_release_is_refused(shop):
    import sqlite3

    shop.night()
    with sqlite3.connect(shop.folder / "data" / "ledger.sqlite") as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(Exception, match="written by a newer release"):
        shop.open()
