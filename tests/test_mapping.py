"""Mappings: real exports become feeds, mistakes are named, and their SQL stays in its cage."""

import textwrap
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.contract import feeds_by_name
from orchestration.ingest import duck
from orchestration.ingest.expressions import ExpressionError, tables_of
from orchestration.ingest.mapping import load_mapping
from orchestration.ingest.reading import with_parts
from orchestration.landing import Landing


class Company:
    """A company folder with one mapped system, `shop`."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "landing" / "shop").mkdir(parents=True)
        (folder / "mappings").mkdir()
        (folder / "company.yml").write_text("max_quarantined_share: '99 %'\n")
        self.runs = 0

    def map(self, text: str) -> Path:
        path = self.folder / "mappings" / "shop.yml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def deliver(self, name: str, content: str, encoding: str = "utf-8") -> None:
        path = self.folder / "landing" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(textwrap.dedent(content).lstrip("\n").encode(encoding))

    def night(self, as_of: str = "2026-12-31") -> dict:
        self.runs += 1
        landing = Landing(load_company(self.folder), date.fromisoformat(as_of), f"run-{self.runs}")
        reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        self.landing = landing
        return reports

    def rows(self, feed: str, columns: str) -> list:
        source = feeds_by_name()[feed].source if feed in feeds_by_name() else "ledger"
        raw = f"{self.folder}/data/raw/{source}/{feed}/*/*.parquet"
        return (
            duckdb.connect()
            .execute(f"select {columns} from read_parquet('{raw}') order by all")
            .fetchall()
        )


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


SHOPIFY = """
    time_zone: America/New_York
    files:
      lines:
        match: "orders_export*.csv"
        fill_down:
          columns: [Email, Financial Status, Currency, Total, Created at]
          within: Name
    feeds:
      orders:
        from: lines
        group_by: Name
        columns:
          order_id: Name
          email: min(Email)
          ordered_at: min("Created at")
          status:
            sql: min("Financial Status")
            values: {paid: paid, pending: pending, refunded: returned, voided: cancelled}
          currency: min(Currency)
          total: min(Total)
      order_items:
        from: lines
        columns:
          order_item_id: {hash: [Name, SKU, _row]}
          order_id: Name
          product_id: ltrim("SKU", '''')
          quantity: Lineitem quantity
          unit_price: Lineitem price
          line_total: as_number("Lineitem price") * as_whole("Lineitem quantity")
"""
SHOPIFY_FILE = """
    Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem price,SKU
    #1001,a@b.c,paid,JPY,"3,300",2026-05-01 10:00:00 +0900,1,1000,'123
    #1001,,,,,,2,1000,456
    #1002,,refunded,JPY,500,2026-05-02 10:00:00,1,500,456
"""


def test_order_cells_that_are_blank_on_continuation_rows_are_filled_within_their_order(company):
    company.map(SHOPIFY)
    company.deliver("orders_export_1.csv", SHOPIFY_FILE)
    company.night()
    assert company.rows(
        "orders", "order_id, ordered_at, status, total::int, email is null, source_row"
    ) == [
        ("#1001", datetime(2026, 5, 1, 1), "paid", 3300, False, 2),
        ("#1002", datetime(2026, 5, 2, 14), "returned", 500, True, 4),
    ]
    assert company.rows(
        "order_items", "order_id, product_id, quantity, line_total::int, source_row"
    ) == [
        ("#1001", "123", 1, 1000, 2),
        ("#1001", "456", 2, 2000, 3),
        ("#1002", "456", 1, 500, 4),
    ]
    ids = company.rows("order_items", "order_item_id")
    assert len(set(ids)) == 3
    assert all(len(i) == 24 for (i,) in ids)


ECCUBE = """
    files:
      lines:
        match: "受注*.csv"
        encoding: cp932
    feeds:
      orders:
        from: lines
        distinct: true
        columns:
          order_id: 注文ID
          ordered_at: 受注日
          status:
            column: 対応状況(名称)
            values: {新規受付: placed, 発送済み: shipped}
            otherwise: paid
          currency: {constant: JPY}
          shipping: 送料
          total: 支払合計
      order_items:
        from: lines
        where: "\\"明細区分(名称)\\" = '商品'"
        columns:
          order_item_id: 注文詳細ID
          order_id: 注文ID
          product_id: 商品コード
          quantity: 個数
          line_total: {sql: 'as_number("価格") * as_whole("個数")', without_tax: 税率}
      refunds:
        from: lines
        where: 送料_2 is not null
        columns:
          refund_id: 注文詳細ID
          order_id: 注文ID
          amount: 送料_2
"""
ECCUBE_FILE = """
    注文ID,受注日,対応状況(名称),支払合計,送料,注文詳細ID,商品コード,価格,個数,税率,明細区分(名称),送料
    1,2026/05/01 10:00,新規受付,"3,000",500,11,髙-①,1100,2,10,商品,
    1,2026/05/01 10:00,新規受付,"3,000",500,12,,500,1,10,送料,77
    2,2026/05/02 10:00,入金待ち,108,0,13,Ｃ－２,108,1,8,商品,
"""


def test_repeated_order_totals_cp932_a_second_column_of_one_name_and_tax(company):
    company.map(ECCUBE)
    company.deliver("受注_202605.csv", ECCUBE_FILE, "cp932")
    reports = company.night()
    assert not reports["orders"].rejected
    assert company.rows("orders", "order_id, status, shipping::int, total::int") == [
        ("1", "placed", 500, 3000),
        ("2", "paid", 0, 108),
    ]
    assert company.rows("order_items", "order_item_id, product_id, line_total::double") == [
        ("11", "髙-①", 2000.0),
        ("13", "Ｃ－2", 100.0),
    ]
    assert company.rows("refunds", "refund_id, amount::int") == [("12", 77)]


def test_rows_that_a_file_repeats_count_once_and_are_told(company):
    company.map(ECCUBE.replace("encoding: cp932", "encoding: cp932\n        distinct: true"))
    lines = textwrap.dedent(ECCUBE_FILE).strip().splitlines()
    company.deliver("受注.csv", "\n".join([*lines, lines[1]]) + "\n", "cp932")
    reports = company.night()
    assert company.rows("order_items", "order_item_id, source_row") == [("11", 2), ("13", 4)]
    told = "shop/受注.csv: 1 rows of `lines` stand there twice, and count once"
    assert told in reports["order_items"].warnings


def test_bytes_that_are_no_cp932_reject_the_file_with_their_place(company):
    company.map(ECCUBE)
    company.deliver("受注.csv", ECCUBE_FILE, "cp932")
    path = company.folder / "landing" / "shop" / "受注.csv"
    path.write_bytes(path.read_bytes().replace("新規".encode("cp932"), b"\xff\xfe", 1))
    (why,) = company.night()["orders"].rejected.values()
    assert why.startswith("line 2, byte ")
    assert "not CP932" in why


QUALTRICS = """
    dates: ["%m/%d/%Y %H:%M"]
    files:
      answers:
        match: "*.csv"
        skip_below_header: 2
        where: Status <> 'Survey Preview'
    feeds:
      surveys:
        from: answers
        distinct: true
        columns:
          survey_id: {constant: S1}
          kind: {constant: transactional}
      responses:
        from: answers
        columns:
          response_id: ResponseId
          survey_id: {constant: S1}
          email: RecipientEmail
          is_complete: Finished
          responded_at: {column: RecordedDate, time_zone: Asia/Tokyo}
      answers:
        - from: answers
          unpivot:
            columns:
              Q1: {code: nps, ignore: [99]}
              Q2: csat
          columns:
            response_id: ResponseId
            question_code: question
            numeric_value: answer
        - from: answers
          where: Q3 is not null
          columns:
            response_id: ResponseId
            question_code: {constant: comment}
            text_value: Q3
"""
QUALTRICS_FILE = """
    Status,Finished,RecordedDate,ResponseId,RecipientEmail,Q1,Q2,Q3
    Response Type,Finished,Recorded,Response ID,Mail,"How likely,
    really?",Satisfied?,Why?
    "{""ImportId"":""status""}","{""ImportId"":""f""}",x,x,x,x,x,x
    IP Address,True,5/1/2026 9:05,R_1,a@b.c,10,5,"good
    indeed"
    Survey Preview,True,5/1/2026 10:05,R_0,,1,1,
    IP Address,False,5/2/2026 14:30,R_2,,99,,
    IP Address,True,2026-13-01,R_3,,11,4,
"""


def test_three_header_rows_questions_as_columns_and_answers_to_ignore(company):
    company.map(QUALTRICS)
    company.deliver("qualtrics.csv", QUALTRICS_FILE)
    reports = company.night()
    assert company.rows("responses", "response_id, is_complete, responded_at, source_row") == [
        ("R_1", True, datetime(2026, 5, 1, 0, 5), 5),
        ("R_2", False, datetime(2026, 5, 2, 5, 30), 8),
    ]
    assert company.rows(
        "answers", "response_id, question_code, numeric_value::int, text_value is null"
    ) == [
        ("R_1", "comment", None, False),
        ("R_1", "csat", 5, True),
        ("R_1", "nps", 10, True),
        ("R_3", "csat", 4, True),
    ]
    assert reports["answers"].warnings == [
        "shop/qualtrics.csv: 1 rows left out as the mapping says: nps 99 × 1"
    ]
    assert company.rows("quarantined_rows", "feed, line, column_name, value") == [
        ("answers", 9, "numeric_value", "11"),
        ("responses", 9, "responded_at", "2026-13-01"),
    ]


TOGETHER = """
    together: true
    files:
      refunds: {match: "*/refunds.csv"}
      lines: {match: "*/lines*.csv", rename: {amount: money}}
    steps:
      joined: select lines.*, order_id, created_at from lines left join refunds using (refund_id)
    feeds:
      refunds:
        from: joined
        columns:
          refund_id: line_id
          order_id: order_id
          amount: money
          refunded_at: created_at
"""


def test_files_of_one_folder_are_joined_and_are_one_delivery(company):
    company.map(TOGETHER)
    company.deliver("may/refunds.csv", "refund_id,order_id,created_at\nr1,o1,2026-05-01\n")
    company.deliver("may/lines_1.csv", "line_id,refund_id,amount\n1,r1,10\n")
    company.deliver("may/lines_2.csv", "line_id,refund_id,amount\n2,r9,x\n3,r9,20\n")
    company.deliver("june/lines_1.csv", "line_id,refund_id,amount\n9,r1,10\n")
    report = company.night()["refunds"]
    assert company.rows("refunds", "refund_id, order_id, source_file, source_row") == [
        ("1", "o1", "shop/may/lines_1.csv", 2),
        ("3", None, "shop/may/lines_2.csv", 3),
    ]
    assert "no file in the folder matches */refunds.csv" in report.rejected["shop/june"]
    assert company.rows("loads", "file") == [("shop/may",)]


LEFT_OUT = """
    together: true
    files:
      orders: {match: "*/orders.csv"}
      refunds: {match: "*/refunds.csv", if_absent: leave_out}
      lines: {match: "*/lines.csv", if_absent: leave_out}
    steps:
      given_back: >-
        select lines.*, order_id from lines
        left join refunds using (refund_id) left join orders using (order_id)
    feeds:
      orders:
        from: orders
        columns: {order_id: order_id, ordered_at: at, status: status, currency: {constant: JPY}}
      refunds:
        from: given_back
        columns: {refund_id: line_id, order_id: order_id, amount: amount}
"""


def test_a_feed_is_left_out_where_all_its_files_are_that_a_company_may_lack(company):
    company.map(LEFT_OUT)
    orders = "order_id,at,status\no1,2026-05-01,paid\n"
    company.deliver("may/orders.csv", orders)
    company.deliver("june/orders.csv", orders.replace("o1", "o2"))
    company.deliver("june/refunds.csv", "refund_id,order_id\nr1,o2\n")
    reports = company.night()
    assert company.rows("orders", "order_id") == [("o1",)]
    assert company.rows("loads", "feed, file") == [("orders", "shop/may")]
    assert "no file in the folder matches */lines.csv" in reports["refunds"].rejected["shop/june"]
    company.deliver("june/lines.csv", "line_id,refund_id,amount\n1,r1,10\n")
    company.night()
    assert company.rows("refunds", "refund_id, order_id, amount::int") == [("1", "o2", 10)]


def test_a_file_that_a_company_may_lack_can_stand_for_one_without_rows(company):
    company.map(
        TOGETHER.replace(
            '"*/refunds.csv"',
            '"*/refunds.csv", if_absent: empty, recognised_by: [refund_id, order_id, created_at]',
        )
    )
    company.deliver("may/lines.csv", "line_id,refund_id,amount\n1,r1,10\n")
    assert not company.night()["refunds"].rejected
    assert company.rows("refunds", "refund_id, order_id, amount::int") == [("1", None, 10)]


def test_what_to_do_without_a_file_is_a_question_of_files_that_belong_together(company):
    path = company.map(SHOPIFY.replace("match:", "if_absent: empty\n        match:"))
    with pytest.raises(ConfigError, match="line 5: `if_absent` is of files that are `together:"):
        load_mapping(path)


def test_a_mended_mapping_replays_what_was_quarantined_at_its_own_time(company):
    company.map(SHOPIFY.replace("refunded: returned, ", ""))
    company.deliver("orders_export.csv", SHOPIFY_FILE)
    assert company.night()["orders"].rows_quarantined == 1
    company.map(SHOPIFY)
    assert company.night("2027-01-01")["orders"].rows_loaded == 2
    assert company.rows("loads", "feed, is_superseded, delivered_at") == [
        (feed, old, datetime(2026, 12, 31, 15))
        for feed in ("order_items", "orders")
        for old in (False, True)
    ]
    assert company.rows("quarantined_rows", "*") == []
    company.map("# a remark changes nothing" + SHOPIFY)
    assert company.night("2027-01-02")["orders"].files == []


def test_a_file_that_no_pattern_matches_is_rejected_but_canonical_feeds_are_not(company):
    company.map(SHOPIFY)
    company.deliver("report.csv", "a\n1\n")
    company.deliver("products/p.csv", "product_id,name\n1,x\n")
    assert company.night()["products"].rows_loaded == 1
    assert (
        "no pattern of the system's mapping matches it"
        in company.landing.rejected["shop/report.csv"]
    )


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Lineitem quantity,Lineitem price", "Lineitem qty,Lineitem price",
         "feeds.order_items.columns.quantity: no column `Lineitem quantity`; the nearest is `Line"),
        ("price,SKU", "price,Sku code", "no column `SKU`"),
        ("Email,", "E-Mail,", "fill_down: no column `Email`; the nearest is `E-Mail`"),
    ],
)  # fmt: skip
def test_a_column_that_the_file_lost_rejects_it_by_name(company, old, new, why):
    company.map(SHOPIFY)
    company.deliver("orders_export.csv", SHOPIFY_FILE.replace(old, new))
    (told,) = company.night()["orders"].rejected.values()
    assert why in told


# ---- mistakes in a mapping


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("fill_down:", "filldown:", "line 6: unknown key `filldown`; did you mean `fill_down`?"),
        ("order_items:", "order_item:", "unknown feed `order_item`; did you mean `order_items`?"),
        ("unit_price:", "unitprice:", "unknown column of order_items `unitprice`; did you mean"),
        ("product_id:", "unit_price:", "`unit_price` stands there twice"),
        ("from: lines", "from: line", "unknown table `line`; did you mean `lines`?"),
        ("currency: min(Currency)", "tax: '1'", "orders needs currency"),
        ("values:", "valeus:", "unknown key `valeus`; did you mean `values`?"),
        ("sql: min", "column: x\n            sql: min", "give exactly one of"),
        ("America/New_York", "America/NewYork", "did you mean America/New_York"),
        ("match:", "encoding: sjis\n        match:", "encoding"),
        ("order_items:", "order_items: [", "line "),
        ('sql: min("Financial Status")', "sql: now()", "`now` is not to be used"),
        ('sql: min("Financial Status")', "sql: 'min('", "not one SELECT or expression"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_the_nearest_name(company, old, new, told):
    path = company.map(SHOPIFY.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_mapping(path)
    assert str(path) in str(error.value)
    assert "line" in str(error.value)
    assert told in str(error.value)


def test_joining_files_without_saying_together_is_told(company):
    path = company.map(TOGETHER.replace("together: true", "together: false"))
    with pytest.raises(ConfigError, match="files that are joined need `together: true`"):
        load_mapping(path)


# ---- what only the company knows

SURVEY = """
    parameters:
      questions: {description: question to code, default: {}}
      columns: {description: column to meaning, default: {}}
    files:
      answers:
        match: "*.csv"
        recognised_by: [When]
        rename: columns
        optional: [customer_id]
    feeds:
      responses:
        from: answers
        columns:
          response_id: {hash: [_row]}
          survey_id: {constant: S1}
          customer_id: customer_id
          responded_at: When
      answers:
        from: answers
        unpivot: {columns: questions}
        columns:
          response_id: {hash: [_row]}
          question_code: question
          numeric_value: answer
"""
SAID = """
max_quarantined_share: '99 %'
systems:
  shop:
    parameters:
      columns: {No.: customer_id}
      questions:
        Recommend?: nps
        Would you recommend us?: nps
        Happy?: {code: csat, values: {Very: 5, So so: 3}, ignore: [No comment]}
"""


def test_company_yml_says_which_columns_are_questions_and_the_night_which_are_not(company):
    company.map(SURVEY)
    (company.folder / "company.yml").write_text(SAID)
    company.deliver("1.csv", "When,No.,Recommend?,Happy?,Why?\n2026-05-01,c1,9,Very,x\n")
    company.deliver(
        "2.csv", "When,No.,Would you recommend us?,Happy?\n2026-05-02,c2,7,No comment\n"
    )
    reports = company.night()
    assert company.rows("responses", "customer_id, source_file") == [
        ("c1", "shop/1.csv"),
        ("c2", "shop/2.csv"),
    ]
    assert company.rows("answers", "question_code, numeric_value::int, source_row") == [
        ("csat", 5, 2),
        ("nps", 7, 2),
        ("nps", 9, 2),
    ]
    assert reports["responses"].unknown_columns == ["Why?"]
    assert not reports["answers"].rejected


def test_a_question_that_a_file_lacks_is_told_and_a_file_without_any_rejected(company):
    company.map(SURVEY)
    (company.folder / "company.yml").write_text(SAID)
    company.deliver("1.csv", "When,Recommend?,Happyness\n2026-05-01,9,Very\n")
    company.deliver("2.csv", "When,No.,Recommend\n2026-05-01,c1,9\n")
    reports = company.night()
    assert company.rows("answers", "question_code, numeric_value::int") == [("nps", 9)]
    assert "shop/1.csv: lacks columns that company.yml names: Happy?, No." in (
        reports["responses"].warnings
    )
    (why,) = reports["answers"].rejected.values()
    assert "no column `Recommend?`; the nearest is `Recommend`" in why


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{No.: customer_id}", "{No.: custmer_id}", "unknown column `custmer_id`; did you mean"),
        ("{No.: customer_id}", "No.", "parameter `columns` is `column: …` lines"),
        ("{code: csat, ", "{cod: csat, ", "questions.Happy?.code"),
    ],
)
def test_a_mistake_in_what_the_company_says_is_told(company, old, new, told):
    path = company.map(SURVEY)
    (company.folder / "company.yml").write_text(SAID.replace(old, new))
    given = load_company(company.folder).system("shop").parameters
    with pytest.raises(ConfigError) as error:
        load_mapping(path, given)
    assert told in str(error.value)


# ---- headers

FOUND = """
    files:
      ads:
        match: "ads*"
        header_row: found
        delimiter: [",", "\\t"]
        recognised_by: [Day, Cost]
        aliases: {Day: [日, Dag], Cost: [費用]}
      others: {match: "others*", recognised_by: [Query], unusable: has no dates}
      more: {match: "more*"}
    feeds:
      ads_daily:
        - from: ads
          columns: &columns
            platform: {constant: x}
            campaign_id: {constant: c}
            ad_id: {constant: a}
            date: Day
            cost: Cost
        - from: more
          columns: *columns
"""


def test_a_header_is_found_below_titles_of_any_height_and_in_either_dialect(company):
    company.map(FOUND)
    company.deliver(
        "ads1.csv", 'Report,\n"July 1, 2026, on"\n\nDay,Cost\n2026-07-01,"1,200"\nx,1\n'
    )
    company.deliver("ads2.csv", "レポート\n日\t費用\n2026-07-02\t5\n", "utf-16")
    company.deliver("ads3.csv", "Report\nDate,Cost\n2026-07-02,5\n")
    company.deliver("more.csv", "Day,Cost\n2026-07-03,6\n")
    company.deliver("others.csv", "Query\nshoes\n")
    report = company.night()["ads_daily"]
    assert company.rows("ads_daily", "date::varchar, cost::int, source_file, source_row") == [
        ("2026-07-01", 1200, "shop/ads1.csv", 5),
        ("2026-07-02", 5, "shop/ads2.csv", 3),
        ("2026-07-03", 6, "shop/more.csv", 2),
    ]
    assert company.rows("quarantined_rows", "file, line") == [
        ("shop/ads1.csv", 6),
        ("shop/ads3.csv", None),
        ("shop/others.csv", None),
    ]
    assert "a header with the columns `Day`, `Cost`" in report.rejected["shop/ads3.csv"]
    assert company.landing.rejected == {"shop/others.csv": "has no dates"}


def test_a_workbook_s_header_is_found_and_its_questions_parted(company):
    company.map("""
        files:
          answers:
            match: "*.xlsx"
            header_row: found
            parts_below_header: true
            recognised_by: [Id, How was]
        feeds:
          answers:
            from: answers
            unpivot: {columns: {How was / Food: touchpoint_food, How was / Room: touchpoint_room}}
            columns: {response_id: Id, question_code: question, numeric_value: answer}
    """)
    company.deliver("a.xlsx", "")
    connection = duckdb.connect()
    duck.load_extension(connection, "excel")
    path = company.folder / "landing" / "shop" / "a.xlsx"
    connection.execute(f"""
        copy (from (values ('Report', null, null), ('Id', 'How was', null), (null, 'Food', 'Room'),
            ('r1', '5', null), ('r2', '4', '2'))) to '{path}' (format xlsx)
    """)
    company.night()
    assert company.rows("answers", "response_id, question_code, numeric_value::int") == [
        ("r1", "touchpoint_food", 5),
        ("r2", "touchpoint_food", 4),
        ("r2", "touchpoint_room", 2),
    ]


def test_parts_of_a_question_go_by_its_name():
    header = ["Id", "How was", "", "Why?", "Tick", "", "Last"]
    parts = ["", "Food", "Room", "Open-Ended Response", "Response", "Other", "Response"]
    assert with_parts(header, parts) == [
        "Id", "How was / Food", "How was / Room", "Why?", "Tick / Response", "Tick / Other", "Last",
    ]  # fmt: skip


# ---- the cage

EVIL = [
    "read_csv('/etc/passwd')",
    "(select content from read_text('/etc/passwd'))",
    "(select count(*) from read_csv('/etc/passwd'))",
    "(select count(*) from '/etc/passwd')",
    "(select count(*) from glob('/etc/*'))",
    "(select count(*) from duckdb_settings())",
    "(select count(*) from information_schema.tables)",
    "(select 1); copy (select 1) to '/tmp/kizuna-evil.csv'",
    "1) from read_csv('/etc/passwd') --",
    "getenv('HOME')",
    "current_setting('temp_directory')",
    "getvariable('token_inner')",
    "random()",
    "current_timestamp",
    "age(timestamp '2020-01-01')",
    "sleep_ms(1)",
    "write_log('seen')",
    "version()",
    "current_query()",
]
STATEMENTS = [
    "copy (select 1) to '/tmp/kizuna-evil.csv'",
    "attach '/tmp/kizuna-evil.db'",
    "set enable_external_access = true",
    "install httpfs",
    "load httpfs",
    "pragma database_list",
    "export database '/tmp/kizuna-evil'",
    "create table t as select 1",
    "select 1; select 2",
]


@pytest.mark.parametrize("sql", EVIL)
def test_an_expression_can_neither_read_files_nor_the_machine(company, sql):
    quoted = sql.replace('"', '\\"')
    path = company.map(SHOPIFY.replace("currency: min(Currency)", f'currency: {{sql: "{quoted}"}}'))
    company.deliver("orders_export.csv", SHOPIFY_FILE)
    try:
        load_mapping(path)
    except ConfigError:
        return
    assert company.night()["orders"].rejected


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_step_is_one_select(sql):
    with pytest.raises(ExpressionError):
        tables_of(sql)


@pytest.mark.parametrize("sql", [*(f"select {sql}" for sql in EVIL[:6]), *STATEMENTS[:5]])
def test_even_sql_that_was_not_looked_at_finds_the_connection_locked(tmp_path, sql):
    connection = duck.connect(tmp_path)
    if "duckdb_settings" in sql:
        return
    with pytest.raises(duckdb.Error):
        connection.execute(sql)
    assert not list(Path("/tmp").glob("kizuna-evil*"))
