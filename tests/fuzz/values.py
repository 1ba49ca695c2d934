"""Cases of the fuzz pack about single cells: numbers, times, ids, enums, scores."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fuzz.case import MISSING, Aside, Case, accept, cells, lines, mixed

NUMBER, MOMENT, WHOLE = "not a number", "not a date and time", "not a whole number"
LOST = "an id in scientific notation has lost its digits"

TOTALS = {
    "1,000": 1000, "1,234,567.89": "1234567.89", "¥1,000": 1000, "￥１，０００": 1000,
    "$12.50": "12.5", "１２００": 1200, " 12 ": 12, "　12　": 12, "+5": 5, ".5": "0.5", "5.": 5,
    "0": 0, "007": 7, "12.00": 12, "１２．５": "12.5",
}  # fmt: skip
NO_TOTALS = [
    "(1,000)", "1,000円", "1.234,56", "12,34", "1e3", "NaN", "inf", "Infinity", "千円", "五百",
    "1 000", "€5", "5%", "0x10", "1_000", "--5", "△1000", "JPY 1000", "abc", "1.2.3",
    "#N/A", "#DIV/0!", "=1+1", "1000-", "٣", "1,000,00", "99999999999999999",
    "-", "¥", "true", "2026-01-05",
]  # fmt: skip
MOMENTS = {
    "2026-01-05T10:00:00+09:00": datetime(2026, 1, 5, 1),
    "2026-01-05T01:00:00Z": datetime(2026, 1, 5, 1),
    "2026-01-05T10:00:00.250+0900": datetime(2026, 1, 5, 1, 0, 0, 250000),
    "2026/01/05 10:00": datetime(2026, 1, 5, 1),
    "2026/1/5": datetime(2026, 1, 4, 15),
    "20260105": datetime(2026, 1, 4, 15),
    "20260105T100000": datetime(2026, 1, 5, 1),
    "2026年1月5日": datetime(2026, 1, 4, 15),
    "2026年1月5日 10時20分": datetime(2026, 1, 5, 1, 20),
    "２０２６年１月５日": datetime(2026, 1, 4, 15),
    "２０２６／０１／０５　１０：００": datetime(2026, 1, 5, 1),
    "2024-02-29": datetime(2024, 2, 28, 15),
    # ISO 8601 has midnight at a day's end too
    "2026-01-05 24:00:00": datetime(2026, 1, 5, 15),
    "2026/01/05 24:00": datetime(2026, 1, 5, 15),
    "2025-11-02T01:30:00-05:00": datetime(2025, 11, 2, 6, 30),
}
NO_MOMENTS = [
    "2026-02-30", "2026-13-01", "2026-00-10", "2026-01-00", "2025-02-29", "2026/02/30 10:00",
    "2026-01-05 25:00:00", "2026-01-05 24:00:01", "2026-01-05 24:30", "2026-01-05 10:61:00",
    "2016-12-31 23:59:60", "2016-12-31T23:59:60Z", "令和8年1月5日", "令和元年5月1日", "R8.1.5",
    "平成30年1月5日", "05/01/2026", "5/1/26", "2026.01.05", "Jan 5 2026", "昨日",
    "1767571200", "46027", "0000-00-00 00:00:00", "2026-01-05T10:00:00+25:00", "2026年13月1日",
    "2026年2月30日", "2026-W02-1", "2026-01", "2026", "2026-01-05 10:00 PM",
    "２０２６－０２－３０", "2026-01-05 10:00:00 JST",
    "2026年1月5日(月)", "infinity", "epoch", "2026-01-05; drop table orders",
]  # fmt: skip
IDS = {
    "00123": "00123", "１２３": "123", "ＡＢ1": "ＡＢ1", "12E3": "12E3", "A-1E5": "A-1E5",
    "🍣": "🍣", "=1+1": "=1+1", "../../etc/passwd": "../../etc/passwd", "{{ x }}": "{{ x }}",
    "'; drop table orders; --": "'; drop table orders; --", "#1001": "#1001", "会員７": "会員7",
    "123456789012345678901234567890": "123456789012345678901234567890",
}  # fmt: skip
BOOLEANS = {"はい": True, "いいえ": False, "１": True, "Y": True, "FALSE": False, " t ": True}


def cases() -> Iterator[Case]:
    totals = {cell: Decimal(number) for cell, number in TOTALS.items()}
    for kind, chosen in _by_sign(totals).items():
        yield cells(f"totals {kind}", "total", chosen)
    yield cells("totals missing", "total", dict.fromkeys(("", "NULL", "nan", "　")))
    for number in range(0, len(NO_TOTALS), 3):
        yield cells(
            f"no totals {number}",
            "total",
            {"7": Decimal(7)},
            NO_TOTALS[number : number + 3],
            NUMBER,
        )
    yield cells("negative totals", "total", {}, ["-5", "－５", "-¥5", "¥-5", "-0.0001"], "negative")
    for kind, chosen in _by_sign(MOMENTS).items():
        yield cells(f"times {kind}", "ordered_at", chosen)
    for number in range(0, len(NO_MOMENTS), 3):
        good = {"2026-01-05": datetime(2026, 1, 4, 15)}
        yield cells(
            f"no times {number}", "ordered_at", good, NO_MOMENTS[number : number + 3], MOMENT
        )
    yield cells("times missing", "ordered_at", {}, ["", "NULL", " "], MISSING)
    yield cells(
        "times ahead",
        "ordered_at",
        {},
        ["2027-01-01", "2026-02-01T16:00:00Z"],
        "later than its delivery",
    )
    yield cells("ids", "order_id", IDS)
    for column in ("order_id", "customer_id"):
        yield cells(
            f"{column} lost",
            column,
            {"1": "1"},
            ["1.22158E+17", "1.22158e+17", "-1.2E17", "1E+05", "１．２２E＋１７", "1.2Ｅ+17"],
            LOST,
        )
        yield cells(
            f"{column} errors",
            column,
            {"#1": "#1"},
            ["#N/A", "#REF!", "#VALUE!"],
            "an error of a spreadsheet",
        )
    yield cells("ids missing", "order_id", {}, [" ", "NULL", "nan"], MISSING)
    yield cells(
        "states",
        "status",
        dict.fromkeys(("PAID", " Paid ", "paid　"), "paid"),
        ["payed", "支払済", "ｐａｉｄ", "other"],
        "not one of pending, placed, paid",
    )
    yield cells("flags", "is_test", BOOLEANS, ["maybe", "2", "真", "on"], "neither yes nor no")
    yield _cancelled()
    yield from _scores()
    yield from _items()
    yield from _days()


def _by_sign(known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Cells in ASCII, and others."""
    return {
        "in ASCII": {cell: found for cell, found in known.items() if cell.isascii()},
        "in wide signs": {cell: found for cell, found in known.items() if not cell.isascii()},
    }


def _cancelled() -> Case:
    rows = [
        ("order_id", "ordered_at", "status", "currency", "total"),
        ("x", "2026-01-05", "cancelled", "JPY", "-5"),
    ]
    return accept(
        "a cancelled order may be negative",
        lines(rows).encode(),
        arrive={"x": {"total": Decimal(-5)}},
    )


def _scores() -> Iterator[Case]:
    rows = {
        "nps": (
            {"0": 0, "10": 10, "９": 9, "7.0": 7, " 8 ": 8},
            ["11", "-1", "7.5", "10.01", "１１", "100"],
        ),
        "csat": ({"1": 1, "5": 5}, ["0", "6", "4.5"]),
        "ces": ({"1": 1, "7": 7}, ["0", "8", "-1"]),
        "empathy_warmth": ({"3": 3}, ["0", "6"]),
    }
    header = ("response_id", "question_code", "numeric_value")
    for code, (good, bad) in rows.items():
        said = (
            "off the scale of its question"
            if code[0] != "n" and code != "ces"
            else f"off the scale of {code}"
        )
        held = [(f"r{i}", code, cell) for i, cell in enumerate([*good, *bad])]
        arrive = {f"r{i}": {"numeric_value": Decimal(n)} for i, n in enumerate(good.values())}
        aside = [Aside(2 + len(good) + i, "numeric_value", said) for i in range(len(bad))]
        content = lines([header, *held]).encode()
        yield mixed(
            f"scores {code}", content, *aside, arrive=arrive, feed="answers", key="response_id"
        )
    words = ["九", "十", "nine", "7/10", "⑨", "Ⅸ", "7点"]
    content = lines(
        [header, ("r", "nps", "9"), *((f"w{i}", "nps", w) for i, w in enumerate(words))]
    )
    aside = [Aside(3 + i, "numeric_value", NUMBER) for i in range(len(words))]
    yield mixed(
        "scores in words", content.encode(), *aside,
        arrive={"r": {"numeric_value": Decimal(9)}}, feed="answers", key="response_id",
    )  # fmt: skip


def _items() -> Iterator[Case]:
    header = ("order_item_id", "order_id", "product_id", "quantity", "line_total")
    good = {"2": 2, "2.0": 2, "1,234": 1234, "２": 2, "0": 0}
    bad = {
        "1.5": WHOLE, "1e3": WHOLE, "二": WHOLE, "1,23": WHOLE, "-1": "negative", "": MISSING,
        "2個": WHOLE, "99999999999999999999": WHOLE,
    }  # fmt: skip
    held = [(f"i{i}", "g1", "p", cell, "5") for i, cell in enumerate([*good, *bad])]
    yield mixed(
        "quantities", lines([header, *held]).encode(),
        *(Aside(2 + len(good) + i, "quantity", why) for i, why in enumerate(bad.values())),
        arrive={f"i{i}": {"quantity": n} for i, n in enumerate(good.values())},
        feed="order_items", key="order_item_id",
    )  # fmt: skip
    orphan = lines([header, ("o1", "no-such-order", "no-such-product", "1", "5")])
    yield accept(
        "orphans are kept", orphan.encode(), arrive={"o1": {"order_id": "no-such-order"}},
        feed="order_items", key="order_item_id",
    )  # fmt: skip


def _days() -> Iterator[Case]:
    header = ("platform", "account_id", "date", "followers")
    good = [
        "2026-01-05",
        "2026/1/5",
        "20260105",
        "2026年1月5日",
        "２０２６－０１－０５",
        "2026-01-05 10:00",
    ]
    bad = ["2026-02-30", "令和8年1月5日", "5 Jan", "46027", "2026-01-05T10:00:60"]
    held = [("X", f"a{i}", cell, "5") for i, cell in enumerate([*good, *bad])]
    yield mixed(
        "days", lines([header, *held]).encode(),
        *(Aside(2 + len(good) + i, "date", "not a date") for i in range(len(bad))),
        arrive={f"a{i}": {"date": date(2026, 1, 5), "platform": "x"} for i in range(len(good))},
        feed="accounts_daily", key="account_id",
    )  # fmt: skip
