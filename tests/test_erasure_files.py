"""Files, raw, vault and ledger once a person is forgotten: every format, and nobody else."""

import gzip
import re
import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from remains import places_of
from test_vendors import Delivered

from orchestration.company import load_company
from orchestration.ingest import duck
from orchestration.landing import Landing, LandingError
from orchestration.ledger import Ledger
from orchestration.privacy import erasing, raw
from orchestration.privacy.files import CannotRewrite
from orchestration.privacy.journal import Asked, Journal, Tombstone
from orchestration.privacy.persons import UnknownPerson
from orchestration.starting import start_company

DAY = date(2026, 6, 1)
CUSTOMERS = "customer_id,email,phone,family_name,given_name,prefecture,created_at,memo\n"
HANA = 'C-7700077,hana@example.jp,090-1111-2222,花村,ハナ,東京都,2026-01-02 10:00:00,"likes, tea"\n'
TARO = "C-78,taro@example.jp,090-3333-4444,太田,タロウ,大阪府,2026-01-03 10:00:00,\n"
# All by which the one may be known, and what only she said; none so short that an encrypted file
# may hold it by chance.
OF_HANA = (
    "C-7700077",
    "hana@example.jp",
    "090-1111-2222",
    "花村",
    "ハナ",
    "お茶が好き",
    "likes, tea",
)
OF_TARO = ("C-78", "taro@example.jp", "090-3333-4444", "太田")


@pytest.fixture
def company(tmp_path):
    start_company(tmp_path / "shop")
    company = load_company(tmp_path / "shop")
    put(company, "crm/customers/a.csv", CUSTOMERS + HANA + TARO)
    return company


def put(company, name: str, content: str | bytes) -> Path:
    path = company.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def land(company, day: int = 1) -> Landing:
    """What a night does of it, but finding out who is who."""
    landing = Landing(company, DAY.replace(day=day), f"night-{day}")
    for one in landing.feeds:
        landing.load(one)
    landing.close()
    if landing.returned:
        erasing.forget_again(company, DAY, landing.returned)
    return landing


def erase(company, **whom) -> dict[str, int]:
    person = erasing.find_person(company, **whom)
    return erasing.erase(company, [erasing.Wish(person, Asked("a test", DAY, "R-1"))])


def rows(company, feed: str, columns: str) -> list[tuple]:
    files = f"{company.raw}/*/{feed}/load_id=0*/*.parquet"
    with duckdb.connect() as connection:
        return connection.sql(
            f"select {columns} from read_parquet('{files}') order by all"
        ).fetchall()


def erasures(company) -> list[dict]:
    """What the marts are told of."""
    Ledger(company.ledger).export(company.raw, ["erasures"])
    return (
        pq.ParquetFile(company.raw / "ledger/erasures/load_id=ledger/part-0.parquet")
        .read()
        .to_pylist()
    )


def test_a_person_is_gone_from_every_place_and_nobody_else_is(company):
    put(company, "shop/orders/o.csv", HEADER +
        "O-1,C-7700077,hana@example.jp,2026-05-01 10:00,paid,JPY,1100\n"
        "O-2,C-78,taro@example.jp,2026-05-02 10:00,paid,JPY,2200\n"
        "O-3,,HANA@example.jp,2026-05-03 10:00,paid,JPY,3300\n")  # fmt: skip
    put(company, "crm/support_tickets/t.csv", "ticket_id,customer_id,opened_at,body\n"
        "T-1,C-7700077,2026-05-01 10:00,お茶が好き\nT-2,C-78,2026-05-01 10:00,またね\n"
        + "".join(f"T-{i},C-78,2026-05-01 10:00,\n" for i in range(3, 300))
        + "T-300,C-7700077,not a day,お茶が好き\n")  # fmt: skip
    land(company)
    (company.data / "night.log").write_text("花村 rang, and C-7700077 wrote\n太田 did not\n")
    history = company.data / "dagster" / "runs.db"
    history.parent.mkdir()
    with closing(sqlite3.connect(history)) as db:
        db.execute("create table events (event text)")
        db.executemany("insert into events values (?)", [("hana@example.jp",), ("太田",)])
        db.execute("insert into events values ('crm:C-7700077')")
        db.commit()
        db.execute("delete from events where event = 'crm:C-7700077'")  # its page stays
        db.commit()
    decisions = company.reference / "person_decisions.csv"
    decisions.parent.mkdir(exist_ok=True)
    columns = "system,customer_id,other_system,other_customer_id,verdict,reason\n"
    decisions.write_text(columns + "crm,C-7700077,crm,C-78,different,neighbours\n")
    tokens = erasing.find_person(company, customer="C-7700077").tokens
    assert len(tokens) >= 5
    erase(company, customer="C-7700077")
    assert places_of(company, [*OF_HANA, *tokens]) == {}
    assert places_of(company, OF_TARO).keys() == set(OF_TARO)
    assert rows(company, "orders", "order_id, customer_id, email is null, total") == [
        ("O-1", "erased-000001", True, 1100),
        ("O-2", "C-78", False, 2200),
        ("O-3", "erased-000001", True, 3300),
    ]
    assert rows(company, "customers", "customer_id, prefecture, year(created_at)") == [
        ("C-78", "大阪府", 2026),
        ("erased-000001", None, 2026),
    ]


def parquet(path: Path) -> None:
    cells = dict(zip(HEADER.strip().split(","), ORDER.strip().split(","), strict=True))
    table = pa.table({name: [cell] for name, cell in cells.items()} | {"total": [1100.0]})
    pq.write_table(table, path)


def xlsx(path: Path) -> None:
    with duckdb.connect() as connection:
        duck.load_extension(connection, "excel")
        connection.execute(
            "copy (select 'O-1' as order_id, 'C-7700077' as customer_id,"
            " 'hana@example.jp' as email,"
            " '2026-05-01 10:00' as ordered_at, 'paid' as status, 'JPY' as currency, 1100 as total)"
            f" to '{path}' (format xlsx, header true)"
        )


HEADER = "order_id,customer_id,email,ordered_at,status,currency,total\n"
ORDER = "O-1,C-7700077,hana@example.jp,2026-05-01 10:00,paid,JPY,1100\n"
OBJECT = (
    '{"order_id": "O-1", "customer_id": "C-7700077", "email": "hana@example.jp", "ordered_at":'
    ' "2026-05-01 10:00", "status": "paid", "currency": "JPY", "total": 1100}\n'
)
FORMATS = {
    "o.csv": lambda p: p.write_text(HEADER + ORDER),
    "o.csv.gz": lambda p: p.write_bytes(gzip.compress((HEADER + ORDER).encode())),
    "o.tsv.zst": lambda p: p.write_bytes(
        zstandard.compress((HEADER + ORDER).replace(",", "\t").encode())
    ),
    "bom.csv": lambda p: p.write_text("\ufeff" + HEADER + ORDER, encoding="utf-8"),
    "u.csv": lambda p: p.write_text(HEADER + ORDER, encoding="utf-16"),
    "o.jsonl": lambda p: p.write_text(OBJECT),
    "o.jsonl.gz": lambda p: p.write_bytes(gzip.compress(OBJECT.encode())),
    "o.parquet": parquet,
    "o.xlsx": xlsx,
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.sweep) if n in ("o.csv", "bom.csv", "o.jsonl") else n
     for n in FORMATS],
)  # fmt: skip
def test_a_file_is_written_anew_in_its_own_format_and_read_anew_says_the_same(company, name):
    path = company.landing / "shop" / "orders" / name
    path.parent.mkdir(parents=True)
    FORMATS[name](path)
    land(company)
    erase(company, customer="C-7700077")
    assert places_of(company, OF_HANA) == {}
    what = "order_id, customer_id, email, ordered_at, total, source_row"
    before = rows(company, "orders", what)
    assert before[0][:3] == ("O-1", "erased-000001", None)
    landed = land(company, 2)  # known by what it holds since
    assert [load.number for load in landed.ledger.loads() if load.feed == "orders"] == [2]
    ledger = Ledger(company.ledger)
    ledger.read_again(load.number for load in ledger.loads())
    land(company, 3)
    assert set(rows(company, "orders", what)) == set(before)


MAPPING = """
files:
  sales:
    match: "*.csv"
    encoding: cp932
    skip_below_header: 1
    fill_down: {columns: [メール, 会員番号], within: [注文番号]}
feeds:
  orders:
    from: sales
    group_by: [注文番号]
    columns:
      order_id: 注文番号
      customer_id: min(会員番号)
      email: min(メール)
      ordered_at: min(注文日)
      status: {constant: paid}
      currency: {constant: JPY}
      total: max(合計)
  order_items:
    from: sales
    columns:
      order_item_id: {hash: [注文番号, _row]}
      order_id: 注文番号
      product_id: 商品
      quantity: {constant: 1}
      line_total: 金額
"""
SALES = """注文番号,会員番号,メール,お名前,注文日,合計,商品,金額,備考
-,-,-,-,-,-,-,-,-
1001,C-7700077,hana@example.jp,花村 ハナ,2026-05-01 10:00,1100,P-1,500,"お茶が好き
です"
1001,,,花村 ハナ,,,P-2,500,
1002,C-78,taro@example.jp,太田 タロウ,2026-05-01 10:00,2200,P-1,2000,髙島屋①
1003,,Hana@example.jp,ハナ,2026-05-03 10:00,3300,P-3,3000,
1003,,Hana@example.jp,ハナ,2026-05-03 10:00,3300,P-4,0,
"""


def test_of_a_file_that_a_mapping_reads_only_what_feeds_need_of_a_person_stays(company):
    company.mappings.mkdir(exist_ok=True)
    (company.mappings / "mall.yml").write_text(MAPPING, encoding="utf-8")
    path = put(company, "mall/sales.csv", SALES.replace("\n", "\r\n").encode("cp932"))
    land(company)
    what = "order_id, customer_id, email is null, total, source_row"
    assert len(rows(company, "orders", what)) == 3
    items = rows(company, "order_items", "order_id, product_id, line_total, source_row")
    erase(company, customer="C-7700077")
    assert places_of(company, [*OF_HANA, "花村 ハナ", "Hana@"]) == {}
    kept = path.read_bytes().decode("cp932").split("\r\n")
    assert kept[:2] == SALES.splitlines()[:2]
    assert "1002,C-78,taro@example.jp,太田 タロウ,2026-05-01 10:00,2200,P-1,2000,髙島屋①" in kept
    assert [line.split(",")[0] for line in kept if line and line[0] == "1"] == [
        "1001", "1001", "1002", "1003", "1003",
    ]  # fmt: skip
    before = rows(company, "orders", what)
    assert [row[1:4] for row in before] == [
        ("erased-000001", True, 1100), ("C-78", False, 2200), ("erased-000001", True, 3300),
    ]  # fmt: skip
    ledger = Ledger(company.ledger)
    ledger.read_again(load.number for load in ledger.loads())
    land(company, 2)
    assert set(rows(company, "orders", "order_id, total")) == {r[0:4:3] for r in before}
    assert set(rows(company, "order_items", "order_id, product_id, line_total, source_row")) == set(
        items
    )


def test_what_is_delivered_again_does_not_bring_a_person_back(company):
    land(company)
    erase(company, customer="C-7700077")
    put(company, "crm/customers/old_copy.csv", CUSTOMERS + HANA + TARO)
    put(company, "crm/customers/new.csv", CUSTOMERS + HANA.replace("tea", "milk"))
    put(company, "shop/orders/o.csv", HEADER + ORDER + ORDER.replace("O-1,C-7700077", "O-2,"))
    landing = land(company, 2)
    assert places_of(company, [*OF_HANA, "milk"]) == {}
    loaded = [load.file for load in landing.ledger.loads()]
    assert loaded == ["crm/customers/a.csv", "crm/customers/new.csv", "shop/orders/o.csv"]
    assert {row[0] for row in rows(company, "customers", "customer_id")} == {
        "C-78",
        "erased-000001",
    }
    assert {row[0] for row in rows(company, "orders", "customer_id")} == {"erased-000001"}
    assert any("erased came again" in one for one in landing.load(landing.feeds[0]).warnings)
    again = land(company, 3)
    assert [load.file for load in again.ledger.loads()] == loaded


def test_what_brings_a_person_back_goes_though_its_night_was_stopped(company):
    """Her rows came in a new file, in a night that ended with landing."""
    land(company)
    erase(company, customer="C-7700077")
    put(company, "crm/customers/b.csv", CUSTOMERS + HANA)
    stopped = Landing(company, DAY.replace(day=2), "night-2")
    for feed in stopped.feeds:
        stopped.load(feed)
    stopped.close()
    assert places_of(company, OF_HANA)
    assert land(company, 3).returned == {"crm/customers/b.csv"}
    assert places_of(company, OF_HANA) == {}
    assert land(company, 4).returned == set()


TICKETS = "ticket_id,customer_id,opened_at,body\n"


def test_what_a_night_set_aside_that_was_stopped_goes_too(company):
    """One bad row of two is too many: the night has no load of them."""
    put(company, "crm/support_tickets/t.csv", TICKETS + "T-1,C-7700077,not a day,お茶が好き\n"
        "T-2,C-78,2026-05-01 10:00,またね\n")  # fmt: skip
    with pytest.raises(LandingError):
        land(company)
    put(company, "crm/support_tickets/t.csv", TICKETS + "T-2,C-78,2026-05-01 10:00,またね\n")
    land(company, 2)
    erase(company, customer="C-7700077")
    assert places_of(company, OF_HANA) == {}
    assert places_of(company, ["またね"])


def test_a_line_that_is_no_row_goes_by_an_id_in_it(company):
    good = "".join(f"T-{i},C-78,2026-05-01 10:00,\n" for i in range(300))
    bad = "".join(
        f"T-3{i},{who},2026-05-01 10:00,{said},oops\n"
        for i, (who, said) in enumerate((("C-7700077", "お茶が好き"), ("C-78", "またね")))
    )
    put(company, "crm/support_tickets/t.csv", TICKETS + good + bad)
    land(company)
    erase(company, customer="C-7700077")
    assert places_of(company, OF_HANA) == {}
    assert {path.partition("/")[0] for path in places_of(company, ["またね"])["またね"]} == {
        "data", "landing",
    }  # fmt: skip


def test_what_killed_nights_left_half_written_goes_too(company):
    land(company)
    half = company.versions / "2026-06-01-001.tmp" / "parquet"
    half.mkdir(parents=True)
    (half / "customers.parquet").write_text(HANA)
    put(company, "crm/customers/.fetching", CUSTOMERS + HANA)
    erase(company, customer="C-7700077")
    assert places_of(company, OF_HANA) == {}


def test_what_a_person_answers_later_is_not_kept_either_whichever_file_comes_first(company):
    land(company)
    erase(company, customer="C-7700077")
    responses = "response_id,survey_id,customer_id,responded_at\n"
    answers = "response_id,question_code,numeric_value,text_value\n"
    put(company, "survey/answers/1.csv", answers + "R-1,comment,,ひとこと\nR-2,comment,,ふたこと\n")
    land(company, 2)
    put(company, "survey/responses/2.csv", responses + "R-1,S,C-7700077,2026-06-01 10:00\n"
        "R-2,S,C-78,2026-06-01 10:00\nR-3,S,C-7700077,2026-06-01 11:00\n")  # fmt: skip
    put(company, "survey/answers/2.csv", answers + "R-3,comment,,みこと\nR-3,nps,9,\n")
    land(company, 3)
    assert places_of(company, [*OF_HANA, "ひとこと", "みこと"]) == {}
    assert places_of(company, ["ふたこと"])
    assert rows(company, "answers", "response_id, question_code, text_value is null") == [
        ("R-1", "comment", True), ("R-2", "comment", False),
        ("R-3", "comment", True), ("R-3", "nps", True),
    ]  # fmt: skip


STEPS = {
    (raw, "forget_rows"): 2,  # of two files the second
    (Journal, "rewritten"): 2,
    (raw, "forget_values"): 1,
    (erasing, "forget_in_versions"): 1,
    (Journal, "close"): 1,
    (raw, "forget_quarantine"): 1,
    (erasing.traces, "clear_work"): 1,
    (erasing.files, "sweep"): 1,
    (erasing.traces, "vacuum_ledger"): 1,
}


@pytest.mark.parametrize(
    "step",
    [step if turn < 5 else pytest.param(step, marks=pytest.mark.sweep)
     for turn, step in enumerate(STEPS)],
    ids=lambda step: step[1],
)  # fmt: skip
def test_an_erasure_that_is_killed_is_finished_by_whoever_comes_next(company, monkeypatch, step):
    put(company, "shop/orders/o.csv", HEADER + ORDER)
    land(company)
    module, name = step
    works = getattr(module, name)
    visits = iter([True] * (STEPS[step] - 1))

    def killed(*args, **kwargs):
        if kwargs.get("dry") or next(visits, False):
            return works(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, name, killed)
        with pytest.raises(KeyboardInterrupt):
            erase(company, customer="C-7700077")
    ledger = Ledger(company.ledger)
    erasing.finish(company, ledger, DAY)
    assert places_of(company, OF_HANA) == {}
    assert Journal(ledger).unfinished() == []
    assert places_of(company, OF_TARO).keys() == set(OF_TARO)
    loads = len(ledger.loads())
    land(company, 2)
    assert len(ledger.loads()) == loads


def test_nobody_or_several_are_refused_by_name(company):
    put(company, "till/customers/t.csv", CUSTOMERS + TARO.replace("taro@", "jiro@"))
    land(company)
    with pytest.raises(UnknownPerson, match="nobody is known by the customer id C-1"):
        erase(company, customer="C-1")
    with pytest.raises(UnknownPerson, match="nobody is known by that e-mail"):
        erase(company, email="nobody@example.jp")
    with pytest.raises(UnknownPerson, match="say crm:C-78 or till:C-78"):
        erase(company, customer="C-78")


def test_a_file_that_nobody_can_read_is_refused_before_anything_is_touched(company):
    land(company)
    put(company, "crm/customers/export.zip", b"PK\x03\x04 and more")
    before = {p: p.read_bytes() for p in company.landing.rglob("*") if p.is_file()}
    with pytest.raises(CannotRewrite, match=r"export\.zip: cannot be read"):
        erase(company, customer="C-7700077")
    assert before == {p: p.read_bytes() for p in company.landing.rglob("*") if p.is_file()}
    assert Journal(Ledger(company.ledger)).audit() == []


def test_the_audit_says_who_asked_and_how_much_and_names_nobody(company):
    land(company)
    erase(company, email=" Hana@Example.JP ")
    (entry,) = Journal(Ledger(company.ledger)).audit()
    assert entry["asked_by"] == "a test"
    assert entry["request_id"] == "R-1"
    assert entry["as_of_date"] == "2026-06-01"
    assert '"raw": 1' in entry["counts"]
    (told,) = erasures(company)
    assert told == {
        **dict.fromkeys(("feed", "kept_from_date", "versions", "logs")),
        "kind": "erasure", "number": 1, "request_id": "R-1", "asked_by": "a test",
        "landing": 1, "raw": 1, "quarantine": 0, "vault": told["vault"], "as_of_date": DAY,
    }  # fmt: skip
    Journal(Ledger(company.ledger)).open(2, Asked("a test", DAY), [Tombstone("email", "x", "")])
    assert erasures(company) == [told]  # what is not ended yet is not told


def test_persons_whom_a_feed_names_are_found_and_strangers_told(company):
    requests = "request_id,customer_id,email,requested_at\n"
    put(company, "crm/erasure_requests/r.csv", requests
        + "R-1,C-7700077,,2026-05-30 10:00\nR-2,,hana@example.jp,2026-05-30 11:00\n"
        "R-3,,stranger@example.jp,2026-05-30 12:00\nR-4,C-78,,2026-06-02 12:00\n")  # fmt: skip
    land(company)
    wishes, problems = erasing.requested(company, datetime(2026, 6, 1, 15), DAY)
    assert [wish.asked.request_id for wish in wishes] == ["R-1", "R-2"]
    assert len(problems) == 1
    assert "R-3" in problems[0]
    erasing.erase(company, wishes)
    assert places_of(company, OF_HANA) == {}
    assert erasing.requested(company, datetime(2026, 6, 1, 15), DAY)[0] == []
    assert len(Journal(Ledger(company.ledger)).audit()) == 2


ADDRESSED = ("shopify", "rakuten", "eccube", "hubspot", "klaviyo", "salesforce", "zendesk")


@pytest.mark.parametrize(
    "vendor",
    [v if v in ("shopify", "rakuten") else pytest.param(v, marks=pytest.mark.sweep)
     for v in ADDRESSED],
)  # fmt: skip
def test_of_a_vendors_export_a_person_goes_and_its_things_are_read_anew_as_before(vendor, tmp_path):
    delivered = Delivered(vendor, tmp_path)
    company, address = delivered.company, None
    lines = {p: p.read_bytes() for p in company.landing.rglob("*") if p.is_file()}
    for address in re.findall(rb"[\w.+-]+@[\w-]+\.[\w.]+", b"".join(lines.values())):
        try:
            erase(company, email=address.decode())
            break
        except UnknownPerson:
            continue
    assert places_of(company, [address.decode(), address.decode().lower()]) == {}
    for path, content in lines.items():
        assert len(path.read_bytes().splitlines()) == len(content.splitlines())
    before = delivered.rows("orders", ["order_id", "status", "total"])
    ledger = Ledger(company.ledger)
    ledger.read_again(load.number for load in ledger.loads())
    land(company, 30)
    kept = (
        {tuple(row.values()) for row in delivered.rows("orders", [*before[0]])} if before else set()
    )
    assert kept == {tuple(row.values()) for row in before}
