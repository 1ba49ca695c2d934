"""Text into the contract's types: every rule of the feeds, value by value, and every reason."""

import hashlib
import hmac
import unicodedata
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.contract import Column, Feed, RowRule, feeds_by_name, load_contract
from orchestration.ingest import duck, spellings, tokens
from orchestration.ingest.casting import Cast
from orchestration.ingest.tokens import TokenKey

KEY = TokenKey(b"0123456789abcdef0123456789abcdef")
LATEST = datetime(2026, 1, 2)
TOKYO, LONDON, NEW_YORK = "Asia/Tokyo", "Europe/London", "America/New_York"


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    connection = duck.connect(tmp_path_factory.mktemp("work"))
    spellings.install(connection)
    tokens.install(connection, KEY)
    connection.execute("create temp table cancelled_parents (id varchar)")
    yield connection
    connection.close()


def cast_rows(connection, feed: Feed, rows: list[dict], zone=TOKYO, **options):
    """The rows as typed, and the reasons of each, by the two statements that landing runs."""
    names = [c.name for c in feed.columns if any(c.name in row for row in rows)]
    held = pa.table(
        {f"c{i}": pa.array([r.get(n) for r in rows], pa.string()) for i, n in enumerate(names)}
    )
    connection.register("held", held.append_column("_row", [list(range(len(rows)))]))
    table = "select *, 0 as _newlines, null::varchar as _why, null::varchar as _text from held"
    texts = {name: f"c{i}" for i, name in enumerate(names)}
    cast = Cast(feed, texts, zone, options.pop("business_zone", TOKYO), LATEST, **options)
    stream = connection.execute(
        f"select * exclude (_newlines, _is_blank) from ({cast.stream(table)}) order by _row"
    ).to_arrow_table()
    connection.register("streamed", stream)
    verdicts = connection.execute(
        f"select _row, reasons from ({cast.verdicts('(from streamed where _is_bad)')}) order by 1"
    ).fetchall()
    reasons = {row: [(r["column"], r["reason"]) for r in why] for row, why in verdicts}
    connection.unregister("held")
    connection.unregister("streamed")
    typed = stream.to_pylist()
    assert [r["_row"] for r in typed if r["_is_bad"]] == sorted(reasons)
    return typed, reasons


def feed_of(kind: str, **how) -> Feed:
    column = Column("value_id" if how.pop("is_id", False) else "value", kind, **how)
    return Feed("test", "test", "upsert", ("key",), (Column("key", "string"), column))


def cast_values(
    connection, kind: str, values: list, zone=TOKYO, business_zone=TOKYO, serial=False, **how
):
    """Each value as typed: None where missing, or its reason in brackets where bad."""
    feed = feed_of(kind, **how)
    name = feed.columns[1].name
    typed, reasons = cast_rows(
        connection,
        feed,
        [{name: value} for value in values],
        zone,
        business_zone=business_zone,
        has_serial_dates=serial,
    )
    return [[reasons[i][0][1]] if i in reasons else row[name] for i, row in enumerate(typed)]


MISSING = [None, "", "  ", "NULL", "nan", "　"]


@pytest.mark.parametrize(
    "kind", ["string", "text", "integer", "decimal", "boolean", "date", "timestamp"]
)
def test_null_nan_and_blank_are_missing_in_every_type(connection, kind):
    assert cast_values(connection, kind, MISSING) == [None] * len(MISSING)


def test_a_missing_required_value_is_bad(connection):
    assert cast_values(connection, "string", ["", "x"], required=True) == [["missing"], "x"]


def test_surrounding_space_of_any_kind_is_trimmed(connection):
    values = [" a b ", " a", "a ", "\ta", "a\n", "　東京　", "\u00a0a\u00a0", "a　"]
    assert cast_values(connection, "string", values) == [
        "a b",
        "a",
        "a",
        "a",
        "a",
        "東京",
        "a",
        "a",
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-3", -3), ("+5", 5), ("007", 7), ("2.0", 2), ("2.000", 2), ("1,234", 1234),
        ("1,234,567", 1234567), ("１２", 12), ("１，２３４", 1234), (" 5 ", 5), ("－３", -3),
        ("9223372036854775807", 9223372036854775807),
    ],
)  # fmt: skip
def test_whole_numbers_are_understood(connection, text, number):
    assert cast_values(connection, "integer", [text]) == [number]


@pytest.mark.parametrize(
    "text",
    ["2.5", "1e3", "1E3", "0x1F", "1_000", "12,34", "九", "7.5", "NaN", "inf", "1 000", "--1",
     "9223372036854775808", "true", "."],
)  # fmt: skip
def test_what_is_no_whole_number_is_bad(connection, text):
    assert cast_values(connection, "integer", [text]) == [["not a whole number"]]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.5", "12.5"), ("1,234.56", "1234.56"), ("¥1,200", "1200"), ("￥１，２００", "1200"),
        ("\\1,200", "1200"), ("$9.99", "9.99"), ("-¥500", "-500"), ("¥-500", "-500"), (".5", "0.5"),
        ("5.", "5"), ("１２．５", "12.5"), ("0.2847177143", "0.2847"), ("+1.5", "1.5"), ("-0", "0"),
        ("99999999999999.9999", "99999999999999.9999"),
    ],
)  # fmt: skip
def test_decimals_are_understood(connection, text, number):
    assert cast_values(connection, "decimal", [text]) == [
        Decimal(number).quantize(Decimal("0.0001"))
    ]


@pytest.mark.parametrize(
    "text",
    ["1e3", "1E3", "1.5e-3", "NaN", "NAN", "Infinity", "-inf", "1_000", "1,23", "1.2.3", "¥", "-",
     "12円", "€5", "100000000000000", "1,2345"],
)  # fmt: skip
def test_what_is_no_decimal_is_bad(connection, text):
    assert cast_values(connection, "decimal", [text]) == [["not a number"]]


def test_yes_and_no_in_all_their_spellings(connection):
    yes = ["true", "T", "yes", "Y", "1", "はい", " TRUE ", "１"]
    no = ["false", "F", "no", "N", "0", "いいえ"]
    assert cast_values(connection, "boolean", yes) == [True] * len(yes)
    assert cast_values(connection, "boolean", no) == [False] * len(no)
    assert cast_values(connection, "boolean", ["maybe", "2", "1.0"]) == [["neither yes nor no"]] * 3


@pytest.mark.parametrize(
    "text",
    ["2026-02-03", "2026/02/03", "20260203", "2026年2月3日", "2026年02月03日", "2026/2/3",
     "２０２６年２月３日", " 2026-02-03 ", "2026-02-03 10:20:30", "2026年2月3日 10時20分",
     "20260203 102030", "2026-02-03T23:59:59"],
)  # fmt: skip
def test_dates_are_understood(connection, text):
    assert cast_values(connection, "date", [text]) == [date(2026, 2, 3)]


def test_a_date_with_an_offset_is_the_business_date_of_its_moment(connection):
    values = ["2026-02-03T20:00:00Z", "2026-02-03T10:00:00Z"]
    assert cast_values(connection, "date", values) == [date(2026, 2, 4), date(2026, 2, 3)]


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2025-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "03/02/2026", "2026-02",
     "infinity", "epoch", "today", "45325", "2026-02-03Z", "2026-02-03 25:00:00"],
)  # fmt: skip
def test_what_is_no_date_is_bad(connection, text):
    assert cast_values(connection, "date", [text]) == [["not a date"]]


def test_29_february_is_a_date_in_a_leap_year(connection):
    assert cast_values(connection, "date", ["2024-02-29"]) == [date(2024, 2, 29)]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-02-03 10:20:30", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026-02-03T10:20:30", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026-02-03 10:20", datetime(2026, 2, 3, 1, 20)),
        ("2026-02-03T10:20:30Z", datetime(2026, 2, 3, 10, 20, 30)),
        ("2026-02-03T10:20:30.5Z", datetime(2026, 2, 3, 10, 20, 30, 500000)),
        ("2026-02-03 10:20:30.123456", datetime(2026, 2, 3, 1, 20, 30, 123456)),
        ("2026-02-03T10:20:30+09:00", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026-02-03T10:20:30-05:30", datetime(2026, 2, 3, 15, 50, 30)),
        ("2026-02-03 10:20:30 +0000", datetime(2026, 2, 3, 10, 20, 30)),
        ("2026-02-03 10:20+09", datetime(2026, 2, 3, 1, 20)),
        ("2026-02-03 10:20:30 UTC", datetime(2026, 2, 3, 10, 20, 30)),
        ("2026/02/03 10:20:30", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026年2月3日 10時20分30秒", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026年2月3日 10時20分", datetime(2026, 2, 3, 1, 20)),
        ("2026年2月3日10:20", datetime(2026, 2, 3, 1, 20)),
        ("20260203T102030Z", datetime(2026, 2, 3, 10, 20, 30)),
        ("20260203 102030", datetime(2026, 2, 3, 1, 20, 30)),
        ("２０２６-０２-０３ １０:２０:３０", datetime(2026, 2, 3, 1, 20, 30)),
        ("2026-02-03", datetime(2026, 2, 2, 15)),
        ("20260203", datetime(2026, 2, 2, 15)),
        ("2026-02-03 24:00:00", datetime(2026, 2, 3, 15)),
        ("1950-07-01 00:00:00", datetime(1950, 6, 30, 14)),  # Japan had summer time then
        ("9999-12-31", datetime(9999, 12, 30, 15)),
    ],
)
def test_times_are_understood_and_kept_in_utc(connection, text, utc):
    assert cast_values(connection, "timestamp", [text]) == [utc]


@pytest.mark.parametrize(
    "text",
    ["2026-02-30 10:00:00", "2026-02-03 25:00:00", "2026-02-03 10:60", "2026-02-03 10", "10:20:30",
     "infinity", "epoch", "now", "2026-02-03T10:20:30+99:00", "3/15/2024 2:30 PM", "1706950830",
     "2026-02-03 10:20:30 Asia/Tokyo"],
)  # fmt: skip
def test_what_is_no_time_is_bad(connection, text):
    assert cast_values(connection, "timestamp", [text]) == [["not a date and time"]]


def test_a_time_is_in_its_zone_and_a_date_alone_in_the_business_zone(connection):
    values = ["2026-02-03 10:00:00", "2026-02-03"]
    assert cast_values(connection, "timestamp", values, zone=NEW_YORK) == [
        datetime(2026, 2, 3, 15),
        datetime(2026, 2, 2, 15),
    ]


def test_days_of_23_and_25_hours(connection):
    values = ["2025-03-30 00:59:59", "2025-03-30 01:30:00", "2025-03-30 02:00:00",
              "2025-10-26 00:30:00", "2025-10-26 01:30:00", "2025-10-26 02:30:00"]  # fmt: skip
    assert cast_values(connection, "timestamp", values, zone=LONDON, business_zone=LONDON) == [
        datetime(2025, 3, 30, 0, 59, 59),
        datetime(2025, 3, 30, 1, 30),  # does not exist: an hour is skipped, as a clock would
        datetime(2025, 3, 30, 1, 0),
        datetime(2025, 10, 25, 23, 30),
        datetime(2025, 10, 26, 1, 30),  # exists twice: the second one
        datetime(2025, 10, 26, 2, 30),
    ]


def test_a_workbook_s_serial_dates(connection):
    assert (
        cast_values(connection, "date", ["46056", "46056.43"], serial=True)
        == [date(2026, 2, 3)] * 2
    )
    assert cast_values(connection, "timestamp", ["46056", "46056.43090277778"], serial=True) == [
        datetime(2026, 2, 2, 15),
        datetime(2026, 2, 3, 1, 20, 30),
    ]


def test_enums_ignore_case_space_and_width(connection):
    values = ["paid", " Paid ", "PAID", "unheard of"]
    assert cast_values(connection, "string", values, enum=("paid", "placed")) == [
        "paid", "paid", "paid", ["not one of paid, placed"],
    ]  # fmt: skip


def test_an_enum_that_ends_in_other_takes_what_it_does_not_know(connection):
    assert cast_values(connection, "string", ["photo", "Poll"], enum=("photo", "other")) == [
        "photo",
        "other",
    ]


def test_ids_in_scientific_notation_have_lost_their_digits(connection):
    bad = ["1.22158E+17", "1E+17", "1.2e17", "4.5E+12"]
    good = ["122158000000000000", "85123A", "1E17X", "12E5", "a+b@c.d", "1.5", "SKU-1.22158E+17"]
    told = "an id in scientific notation has lost its digits"
    assert cast_values(connection, "string", bad, is_id=True) == [[told]] * len(bad)
    assert cast_values(connection, "string", good, is_id=True) == good


def test_full_width_digits_of_an_id_are_digits(connection):
    assert cast_values(connection, "string", ["Ａ１２３", "C１２"], is_id=True) == ["Ａ123", "C12"]


def test_negative_amounts_are_bad_but_where_the_contract_lets_them(connection):
    orders = feeds_by_name()["orders"]
    row = {"order_id": "1", "ordered_at": "2025-01-01", "currency": "JPY", "total": "-5"}
    _, reasons = cast_rows(
        connection, orders, [row | {"status": "paid"}, row | {"status": "Cancelled"}]
    )
    assert reasons == {0: [("total", "negative")]}


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("nps", ["0", "10", "7.0", "７"], ["11", "-1", "7.5", "九"]),
        ("csat", ["1", "5"], ["0", "6", "4.5"]),
        ("ces", ["1", "7"], ["0", "8"]),
        ("touchpoint_checkout", ["1"], ["6"]),
        ("empathy_1", ["5"], ["5.5"]),
        ("csatx", ["99.5"], ["x"]),
    ],
)
def test_answers_off_their_scale_are_bad(connection, code, good, bad):
    answers = feeds_by_name()["answers"]
    rows = [{"response_id": "r", "question_code": code, "numeric_value": v} for v in good + bad]
    _, reasons = cast_rows(connection, answers, rows)
    assert sorted(reasons) == list(range(len(good), len(rows)))


def test_an_event_later_than_its_delivery_and_a_day_is_bad(connection):
    events = feeds_by_name()["web_events"]
    row = {"event_id": "e", "anonymous_id": "a", "event_name": "login"}
    times = ["2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z"]
    _, reasons = cast_rows(connection, events, [row | {"occurred_at": t} for t in times])
    assert reasons == {1: [("occurred_at", "later than its delivery + 1 day")]}
    contracts = feeds_by_name()["subscriptions"]
    row = {"subscription_id": "s", "customer_id": "c", "amount": "1", "currency": "JPY",
           "billing_period": "month", "started_at": "2030-01-01"}  # fmt: skip
    assert cast_rows(connection, contracts, [row])[1] == {}


def test_every_reason_of_a_row_is_told(connection):
    rule = RowRule("amount", "amount <> 13", "unlucky")
    feed = Feed("t", "t", "upsert", ("a_id",), (
        Column("a_id", "string", required=True), Column("amount", "integer", min=0)
    ), rows=(rule,))  # fmt: skip
    _, reasons = cast_rows(
        connection, feed, [{"a_id": None, "amount": "-1"}, {"a_id": "x", "amount": "13"}]
    )
    assert reasons == {0: [("a_id", "missing"), ("amount", "negative")], 1: [("amount", "unlucky")]}


@pytest.mark.parametrize("feed", load_contract(), ids=lambda feed: feed.name)
def test_every_feed_of_the_contract_casts_a_row_of_nothing(connection, feed):
    row = dict.fromkeys((c.name for c in feed.columns), None)
    _, reasons = cast_rows(connection, feed, [row])
    required = [(c.name, "missing") for c in feed.columns if c.required]
    assert reasons.get(0, []) == required


# ---- tokens


def expected_token(text: str) -> str:
    return hmac.new(KEY.first, text.encode(), hashlib.sha256).hexdigest()


def tokens_of(connection, name: str, values: list[str]) -> list[str]:
    feed = Feed("t", "t", "upsert", (name,), (Column(name, "string", pii=True),))
    return [row[name] for row in cast_rows(connection, feed, [{name: v} for v in values])[0]]


@pytest.mark.parametrize(
    ("column", "normal", "spellings"),
    [
        ("email", "hanako@example.com", ["hanako@example.com", " Hanako@Example.COM "]),
        ("email", "hanako@example.com", ["ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｃｏｍ"]),
        ("requester_email", "hanako@example.com", ["HANAKO@example.com"]),
        ("recipient", "hanako@example.com", ["HANAKO@example.com"]),
        ("phone", "+819012345678", ["090-1234-5678", "09012345678", "０９０－１２３４－５６７８"]),
        ("phone", "+819012345678", ["+81 90 1234 5678", "(090) 1234 5678", "0081-90-1234-5678"]),
        ("phone", "+819012345678", ["+81(0)90-1234-5678"]),
        ("phone", "+442079460958", ["+44 20 7946 0958", "0044 20 7946 0958"]),
        ("author_handle", "neko", ["@Neko", "neko", "＠ｎｅｋｏ"]),
        ("family_name", "山田", ["山田", " 山田　"]),
        ("family_name", "高崎", ["髙﨑", "高 崎", "髙嵜"]),
        ("family_name", "佐佐木", ["佐々木", "佐佐木"]),
        ("given_name", "maryann", ["Mary Ann", "MARY　ANN"]),
        ("family_name_kana", "ヤマダ", ["ﾔﾏﾀﾞ", "ヤマダ", "やまだ", "ﾔﾏ ﾀﾞ"]),
        ("postal_code", "1000001", ["100-0001", "１００－０００１", "1000001"]),
    ],
)  # fmt: skip
def test_a_token_is_the_hmac_of_the_normalised_value(connection, column, normal, spellings):
    assert tokens_of(connection, column, spellings) == [expected_token(normal)] * len(spellings)


def test_an_identity_is_normalised_by_its_type_and_plain_where_it_names_no_person(connection):
    identities = feeds_by_name()["identities"]
    rows = [
        {"customer_id": "1", "identity_type": kind, "identity_value": value}
        for kind, value in [
            ("email", "A@b.c"),
            ("phone", "090-1"),
            ("web_anonymous_id", "Anon-1"),
            ("line_id", "U1"),
        ]
    ]
    typed, reasons = cast_rows(connection, identities, rows)
    assert not reasons
    assert [row["identity_value"] for row in typed] == [
        expected_token("a@b.c"), expected_token("+81901"), "Anon-1", expected_token("U1"),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_tokens_agree_with_hmac_for_any_text(connection, text):
    trimmed = text.strip(spellings.SPACE)
    if trimmed in spellings.MISSING:
        return
    normal = unicodedata.normalize("NFKC", trimmed).strip(" ")
    assert tokens_of(connection, "content", [text]) == [expected_token(normal)]
