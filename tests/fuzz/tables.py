"""Cases of the fuzz pack about files with types of their own: Parquet and workbooks."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz.case import G1, G2, GOOD, HEADER, Aside, Case, accept, lines, mixed, reject
from fuzz.workbook import workbook

PLAIN = lines([HEADER, G1, G2]).encode()
NESTED = "a list or an object"


def cases() -> Iterator[Case]:
    yield from _parquet()
    yield from _workbooks()


def _table(**columns: Any) -> bytes:
    out = io.BytesIO()
    base: dict[str, Any] = {name: [a, b] for name, a, b in zip(HEADER, G1, G2, strict=True)}
    pq.write_table(pa.table({**base, **columns}), out)
    return out.getvalue()


def _parquet() -> Iterator[Case]:
    file = "a.parquet"
    yield accept("Parquet", _table(), file)
    yield accept(
        "Parquet with whole numbers as ids",
        _table(order_id=pa.array([1, 2], pa.int64())),
        file,
        arrive={"1": GOOD["g1"], "2": GOOD["g2"]},
    )
    yield accept(
        "Parquet with floats as ids",
        _table(order_id=pa.array([1.0, 2.0])),
        file,
        arrive={"1": GOOD["g1"], "2": GOOD["g2"]},
    )
    yield accept(
        "Parquet with decimals",
        _table(total=pa.array([Decimal("1000.00"), Decimal("2000.50")])),
        file,
    )
    yield accept(
        "Parquet with floats", _table(total=pa.array([1000.0, 2000.5], pa.float32())), file
    )
    yield accept(
        "Parquet with times",
        _table(
            ordered_at=pa.array(
                [datetime(2026, 1, 5, 10), datetime(2026, 1, 6)], pa.timestamp("ms")
            )
        ),
        file,
    )
    yield accept(
        "Parquet with times of a zone",
        _table(
            ordered_at=pa.array(
                [datetime(2026, 1, 5, 1, tzinfo=UTC), datetime(2026, 1, 5, 15, tzinfo=UTC)],
                pa.timestamp("us", "America/New_York"),
            )
        ),
        file,
    )
    yield accept(
        "Parquet with days",
        _table(ordered_at=pa.array([date(2026, 1, 5), date(2026, 1, 6)])),
        file,
        arrive={"g1": {"ordered_at": datetime(2026, 1, 4, 15)}, "g2": GOOD["g2"]},
    )
    yield accept(
        "Parquet with a dictionary",
        _table(status=pa.array(["paid", "shipped"]).dictionary_encode()),
        file,
    )
    yield accept(
        "Parquet with booleans",
        _table(is_test=[True, None]),
        file,
        arrive={"g1": {"is_test": True}, "g2": {"is_test": None}},
    )
    yield accept("Parquet with bytes", _table(customer_id=pa.array([b"c1", b"c2"])), file)
    yield accept(
        "Parquet with more columns",
        _table(cart=[[{"a": 1}], None]),
        file,
        told=["unknown columns cart"],
    )
    yield accept(
        "Parquet with capitals", _table(Mood=["a", "b"]).replace(b"order_id", b"Order_ID"), file
    )
    yield accept(
        "Parquet without rows", _empty(), file, arrive={}, told=["has a header and no rows"]
    )
    good = {"g2": GOOD["g2"]}
    yield mixed(
        "Parquet with an object as text",
        _table(channel=[{"a": 1}, None]),
        Aside(1, "channel", NESTED),
        file=file,
        arrive=good,
    )
    yield mixed(
        "Parquet with a list as id",
        _table(order_id=[["g1"], ["g2"]]),
        Aside(1, "order_id", NESTED),
        Aside(2, "order_id", NESTED),
        file=file,
        arrive={},
    )
    yield mixed(
        "Parquet with NaN and infinity",
        _table(total=[float("nan"), float("inf")]),
        Aside(1, "total", "not a number"),
        Aside(2, "total", "not a number"),
        file=file,
        arrive={},
    )
    yield mixed(
        "Parquet with bytes of no text",
        _table(channel=pa.array([b"\xff\xfe", None])),
        Aside(1, "channel", "not text"),
        file=file,
        arrive=good,
    )
    yield mixed(
        "Parquet with a NUL",
        _table(customer_id=["c\0", "c2"]),
        Aside(1, "customer_id", "holds a NUL"),
        file=file,
        arrive=good,
    )
    yield mixed(
        "Parquet with a column twice",
        _twice(),
        Aside(2, None, "`total` stands twice"),
        file=file,
        arrive={"g1": GOOD["g1"]},
    )
    yield reject("Parquet cut", _table()[:-20], "not readable as Parquet", file)
    yield reject("Parquet cut at its head", _table()[:100], "not readable as Parquet", file)
    yield reject("Parquet that is none", PLAIN, "not readable as Parquet", file)
    yield reject("Parquet under another name", _table(), "is Parquet", "a.csv")


def _empty() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in HEADER}), out)
    return out.getvalue()


def _twice() -> bytes:
    out = io.BytesIO()
    columns = [pa.array(pair) for pair in zip(G1, G2, strict=True)]
    held = pa.Table.from_arrays([*columns, pa.array(["1000", "8"])], names=[*HEADER, "total"])
    pq.write_table(held, out)
    return out.getvalue()


def _workbooks() -> Iterator[Case]:
    file = "a.xlsx"
    rows: list[list[Any]] = [[*HEADER], [*G1], [*G2]]
    yield accept("a workbook", workbook({"S": rows}), file)
    serial = [
        [*HEADER],
        ["g1", "c1", 46027.416666666664, "paid", "JPY", 1000],
        ["g2", "c2", 46028, "shipped", "JPY", 2000.5],
    ]
    yield accept("a workbook with serial dates", workbook({"S": serial}), file)
    yield accept(
        "a workbook with numbers as ids",
        workbook({"S": [rows[0], [17850, *rows[1][1:]]]}),
        file,
        arrive={"17850": GOOD["g1"]},
    )
    yield accept(
        "a workbook with blank rows", workbook({"S": [rows[0], [], rows[1], [], rows[2]]}), file
    )
    yield accept(
        "a workbook with two sheets",
        workbook({"S": rows, "Notes": [["read me"]]}),
        file,
        told=["Notes"],
    )
    yield accept(
        "a workbook whose first sheet is hidden",
        workbook({"Old": [[*HEADER], ["h", *G1[1:]]], "S": rows}, hidden=("Old",)),
        file,
    )
    yield accept(
        "a workbook with a formula and its value",
        workbook({"S": [rows[0], [*G1[:5], ("=500*2", "1000")], rows[2]]}),
        file,
    )
    yield reject(
        "a workbook with a formula without a value",
        workbook({"S": [rows[0], [*G1[:5], ("=500*2", None)], rows[2]]}),
        "F2",
        file,
    )
    yield mixed(
        "a workbook with merged cells",
        workbook(
            {"S": [rows[0], rows[1], ["x", "c", "2026-01-07", "paid", None, 7], rows[2]]},
            merged="D3:E3",
        ),
        Aside(3, "currency", "missing"),
        file=file,
    )
    yield mixed(
        "a workbook with an error",
        workbook(
            {
                "S": [
                    rows[0],
                    rows[1],
                    ["x", "c", "2026-01-07", "paid", "JPY", ("#N/A", "#N/A")],
                    rows[2],
                ]
            }
        ),
        Aside(3, "total", "not a number"),
        file=file,
    )
    yield mixed(
        "a workbook with a lost id",
        workbook(
            {"S": [rows[0], rows[1], ["1.22158E+17", "c", "2026-01-07", "paid", "JPY", 7], rows[2]]}
        ),
        Aside(3, "order_id", "lost its digits"),
        file=file,
    )
    yield mixed(
        "a workbook with 30 February",
        workbook({"S": [rows[0], rows[1], ["x", "c", "2026-02-30", "paid", "JPY", 7], rows[2]]}),
        Aside(3, "ordered_at", "not a date and time"),
        file=file,
    )
    yield accept(
        "a workbook with a header alone",
        workbook({"S": [rows[0]]}),
        file,
        arrive={},
        told=["has a header and no rows"],
    )
    yield reject("a workbook without rows", workbook({"S": []}), "XLSX", file)
    yield reject(
        "a workbook with a title above",
        workbook({"S": [["受注一覧"], *rows]}),
        "lacks the required columns",
        file,
    )
    yield reject("a workbook cut", workbook({"S": rows})[:-30], "not readable as XLSX", file)
