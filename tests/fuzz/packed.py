"""Cases of the fuzz pack about packed files and JSON lines: gzip, zstd, bombs, archives."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import zstandard
from fuzz.case import G1, G2, GOOD, HEADER, Aside, Case, accept, lines, mixed, reject
from fuzz.workbook import workbook

PLAIN = lines([HEADER, G1, G2]).encode()
NESTED = "a list or an object"
OBJECTS: list[dict[str, Any]] = [dict(zip(HEADER, row, strict=True)) for row in (G1, G2)]
X = {"order_id": "x", "ordered_at": "2026-01-07", "status": "paid", "currency": "JPY", "total": 7}


def cases() -> Iterator[Case]:
    yield from _compressed()
    yield from _archives()
    yield from _json()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def jsonl(*objects: Any) -> bytes:
    return b"".join(
        (o if isinstance(o, bytes) else json.dumps(o, ensure_ascii=False).encode()) + b"\n"
        for o in objects
    )


def _compressed() -> Iterator[Case]:
    whole, zst = packed(PLAIN), zstandard.compress(PLAIN)
    yield accept("gzip", whole, "a.csv.gz")
    yield accept("gzip of two parts", packed(PLAIN[:60]) + packed(PLAIN[60:]), "a.csv.gz")
    yield accept("gzip with zeros behind it", whole + b"\0" * 512, "a.csv.gz")
    yield accept("zstd", zst, "a.csv.zst")
    yield accept("gzip of JSON lines", packed(jsonl(*OBJECTS)), "a.jsonl.gz")
    yield reject("gzip cut", whole[:-9], "ends too early, at byte", "a.csv.gz")
    yield reject("gzip cut in its head", whole[:5], "ends too early, at byte", "a.csv.gz")
    yield reject(
        "gzip with another checksum",
        whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "corrupt gzip",
        "a.csv.gz",
    )
    yield reject("gzip with text behind it", whole + b"more", "corrupt gzip", "a.csv.gz")
    yield reject("gzip that is none", PLAIN, "corrupt gzip after byte 0", "a.csv.gz")
    yield reject("gzip of nothing", packed(b""), "empty once unpacked", "a.csv.gz")
    yield reject("gzip in gzip", packed(whole), "gzip", "a.csv.gz")
    yield reject("gzip under a plain name", whole, "is gzip", "a.csv")
    yield reject("zstd cut", zst[:-3], "ends too early, at byte", "a.csv.zst")
    yield reject("zstd that is none", PLAIN, "corrupt zstd after byte 0", "a.csv.zst")
    yield reject("zstd under a plain name", zst, "is zstd", "a.csv")
    yield reject("a bomb of gzip", packed(b"\0" * 70_000_000), "zip bomb", "a.csv.gz")
    yield reject("a bomb of zstd", zstandard.compress(b"\0" * 70_000_000), "zip bomb", "a.csv.zst")
    yield reject(
        "a bomb of a workbook", workbook({"S": [["a"]]}, padding=70_000_000), "zip bomb", "a.xlsx"
    )


def _archives() -> Iterator[Case]:
    for name in ("../../evil.csv", "/etc/evil.csv", "orders.csv"):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), PLAIN)
        yield reject(f"zip with {name}", held.getvalue(), "an archive (.zip)", "a.zip")
        yield reject(f"zip with {name} as CSV", held.getvalue(), "is a zip archive", "a.csv")
        yield reject(f"zip with {name} as XLSX", held.getvalue(), "not readable as XLSX", "a.xlsx")
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.size = len(PLAIN)
            archive.addfile(info, io.BytesIO(PLAIN))
        yield reject(f"tar with {name}", packed(held.getvalue()), "an archive (.tar)", "a.tar.gz")
        yield reject(
            f"tar with {name} as gzip", packed(held.getvalue()), "is a tar archive", "a.csv.gz"
        )
    for ending in ("7z", "rar", "bz2", "xz", "lzh", "tgz"):
        yield reject(f"an archive .{ending}", b"x", f"an archive (.{ending})", f"a.{ending}")
    yield reject("an old workbook", b"\xd0\xcf\x11\xe0" * 200, ".xls", "a.xls")
    yield reject(
        "an old workbook as CSV", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 200, "old workbook", "a.csv"
    )
    yield reject(
        "a page of the web as CSV",
        b"<!DOCTYPE html><html><body>Sign in, please</body></html>\n",
        "web page",
        "a.csv",
    )
    yield reject("a program", b"MZ", "unknown file type .exe", "a.exe")
    yield reject("no type in the name", PLAIN, "without a type", "orders")


def _json() -> Iterator[Case]:
    file = "a.jsonl"
    yield accept("JSON lines", jsonl(*OBJECTS), file)
    yield accept("JSON with a mark", b"\xef\xbb\xbf" + jsonl(*OBJECTS), file)
    yield accept("JSON in UTF-16", jsonl(*OBJECTS).decode().encode("utf-16"), file)
    yield accept(
        "JSON with keys in another order",
        jsonl(*(dict(reversed(o.items())) for o in OBJECTS)),
        file,
    )
    yield accept(
        "JSON with keys of other case",
        jsonl({k.upper(): v for k, v in OBJECTS[0].items()}, OBJECTS[1]),
        file,
    )
    yield accept(
        "JSON numbers",
        jsonl(*OBJECTS, {**X, "order_id": 7, "total": 7.25}),
        file,
        arrive={**GOOD, "7": {"total": Decimal("7.25")}},
    )
    yield accept(
        "JSON with a long number as id",
        jsonl(
            *OBJECTS,
            json.dumps({**X, "order_id": 123456789012345678901234567890}).encode(),
        ),
        file,
        arrive={**GOOD, "123456789012345678901234567890": {}},
    )
    yield accept(
        "JSON nulls",
        jsonl(*OBJECTS, {**X, "total": None}),
        file,
        arrive={**GOOD, "x": {"total": None}},
    )
    yield accept(
        "JSON with more keys",
        jsonl(*OBJECTS, {**X, "cart": {"lines": [1, {"a": None}]}}),
        file,
        arrive={**GOOD, "x": {"total": Decimal(7)}},
        told=["unknown columns cart"],
    )
    yield accept(
        "JSON with strange keys", jsonl({**OBJECTS[0], "a/b~c": 1, "": 2, '"': 3}, OBJECTS[1]), file
    )
    yield accept(
        "JSON with breaks in values",
        jsonl(*OBJECTS, {**X, "customer_id": "a\nb"}),
        file,
        arrive={**GOOD, "x": {"customer_id": "a\nb"}},
    )
    for name, nested in (("object", {"id": 1}), ("list", ["a", "b"])):
        yield mixed(
            f"JSON with an {name} as id",
            jsonl(OBJECTS[0], {**X, "order_id": nested}, OBJECTS[1]),
            Aside(2, "order_id", NESTED),
            file=file,
        )
        yield mixed(
            f"JSON with an {name} as text",
            jsonl(OBJECTS[0], {**X, "channel": nested}, OBJECTS[1]),
            Aside(2, "channel", NESTED),
            file=file,
        )
        yield mixed(
            f"JSON with an {name} as number",
            jsonl(OBJECTS[0], {**X, "total": nested}, OBJECTS[1]),
            Aside(2, "total", "not a number"),
            file=file,
        )
    for name, line, why in (
        ("cut", b'{"order_id": "x", ', "not valid JSON"),
        ("in single quotes", b"{'order_id': 'x'}", "not valid JSON"),
        ("that is a list", b'["x"]', "not a JSON object"),
        ("that is a number", b"7", "not a JSON object"),
        ("that is text", b"order x", "not valid JSON"),
        ("with half a surrogate", b'{"order_id": "\\ud800"}', "not valid JSON"),
        (
            "with a key twice",
            json.dumps(X).encode()[:-1] + b', "total": 8}',
            "`total` stands twice",
        ),
        (
            "with a NUL",
            json.dumps({**X, "customer_id": "c"}).encode().replace(b'"c"', b'"c\0"'),
            "holds a NUL byte",
        ),
    ):
        yield mixed(
            f"a line of JSON {name}",
            jsonl(OBJECTS[0], line, OBJECTS[1]),
            Aside(2, None, why),
            file=file,
        )
    odd = json.dumps({**X, "total": 7})[:-1].encode()
    yield accept(
        "a line of JSON with a comma too many",
        jsonl(*OBJECTS, odd + b",}"),
        file,
        arrive={**GOOD, "x": {"total": Decimal(7)}},
    )
    yield mixed(
        "a line of JSON with NaN",
        jsonl(OBJECTS[0], {**X, "total": float("nan")}, OBJECTS[1]),
        Aside(2, "total", "not a number"),
        file=file,
    )
    yield mixed(
        "a line of JSON with an escaped NUL",
        jsonl(OBJECTS[0], {**X, "customer_id": "c\0"}, OBJECTS[1]),
        Aside(2, "customer_id", "holds a NUL"),
        file=file,
    )
    yield mixed(
        "keys of JSON twice in other case",
        jsonl(OBJECTS[0], {**X, "Total": 8}, OBJECTS[1]),
        Aside(2, None, "`total` stands twice"),
        file=file,
    )
    yield reject("an array of JSON", json.dumps(OBJECTS).encode(), "array", file)
    yield reject("blank lines of JSON", b"\n\n", "lacks the required columns", file)
    yield reject(
        "JSON without a required key", jsonl({"order_id": "x"}), "lacks the required columns", file
    )
    yield mixed(
        "JSON whose rows lack a required key",
        jsonl(
            OBJECTS[0], {"order_id": "x", "status": "paid", "ordered_at": "2026-01-07"}, OBJECTS[1]
        ),
        Aside(2, "currency", "missing"),
        file=file,
    )
