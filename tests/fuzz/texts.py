"""Cases of the fuzz pack about text: encodings, delimiters, line ends, quotes, ragged rows."""

from collections.abc import Iterator

from fuzz.case import (
    G1,
    G2,
    GOOD,
    HEADER,
    QUOTE,
    RAGGED,
    REPEATED,
    Aside,
    Case,
    accept,
    lines,
    mixed,
    reject,
    text,
)

PLAIN = lines([HEADER, G1, G2])
SHOP = "店舗①髙"  # ① and 髙 are in CP932 and not in Shift JIS
JAPANESE = lines([(*HEADER, "channel"), (*G1, SHOP), (*G2, "通販")])
IN_JAPANESE = {"g1": {**GOOD["g1"], "channel": SHOP}, "g2": {**GOOD["g2"], "channel": "通販"}}
EUC = JAPANESE.replace(SHOP, "店舗")
IN_EUC = {**IN_JAPANESE, "g1": {**GOOD["g1"], "channel": "店舗"}}
ONE_LINE = b"x" * 5_000_000


def mapping(how: str) -> str:
    """A mapping that says how to read a file whose columns are those of the feed."""
    columns = ", ".join(f"{c}: {c}" for c in (*HEADER, "channel"))
    return (
        f"files: {{o: {{match: 'orders/*', {how}}}}}\n"
        f"feeds: {{orders: {{from: o, columns: {{{columns}}}}}}}\n"
    )


def cases() -> Iterator[Case]:
    yield from _encodings()
    yield from _delimiters()
    yield from _ends()
    yield from _ragged()
    yield from _quotes()
    yield from _headers()


def _encodings() -> Iterator[Case]:
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        yield accept(f"encoded in {codec}", JAPANESE.encode(codec), arrive=IN_JAPANESE)
    for name, mark, codec in (
        ("little", b"\xff\xfe", "utf-16-le"),
        ("big", b"\xfe\xff", "utf-16-be"),
    ):
        yield accept(f"UTF-16 {name}", mark + JAPANESE.encode(codec), arrive=IN_JAPANESE)
        yield reject(f"UTF-16 {name} without a mark", JAPANESE.encode(codec), "UTF-16")
    yield reject("UTF-16 cut in a sign", JAPANESE.encode("utf-16")[:-1], "not UTF-16")
    yield reject("UTF-32", JAPANESE.encode("utf-32"), "UTF-32")
    yield reject("CP932 not configured", JAPANESE.encode("cp932"), "line 2, byte")
    yield reject("EUC-JP not configured", EUC.encode("euc_jp"), "line 2, byte")
    yield reject("ISO-2022-JP", EUC.encode("iso2022_jp"), "ISO-2022-JP")
    yield reject("Latin-1", PLAIN.replace("c1", "café").encode("latin-1"), "not UTF-8")
    cp932, euc = mapping("encoding: cp932"), mapping("encoding: euc-jp")
    yield accept("CP932 configured", JAPANESE.encode("cp932"), arrive=IN_JAPANESE, mapping=cp932)
    yield accept(
        "UTF-8 with its mark where CP932 is configured",
        JAPANESE.encode("utf-8-sig"),
        arrive=IN_JAPANESE,
        mapping=cp932,
    )
    yield reject("UTF-8 where CP932 is configured", JAPANESE.encode(), "is UTF-8", mapping=cp932)
    yield reject(
        "EUC-JP where CP932 is configured",
        EUC.replace("通販", "顧客").encode("euc_jp") + b"\xa0\n",
        "not CP932",
        mapping=cp932,
    )
    yield reject(
        "CP932 with a byte of none",
        JAPANESE.encode("cp932") + b"\xff\n",
        "not CP932",
        mapping=cp932,
    )
    yield accept("EUC-JP configured", EUC.encode("euc_jp"), arrive=IN_EUC, mapping=euc)
    yield reject(
        "CP932 where EUC-JP is configured", JAPANESE.encode("cp932"), "not EUC-JP", mapping=euc
    )
    yield reject("UTF-8 where EUC-JP is configured", JAPANESE.encode(), "is UTF-8", mapping=euc)
    yield reject(
        "a byte of no UTF-8",
        text("x,c\xff,2026-01-07,paid,JPY,7").replace("ÿ".encode(), b"\xff"),
        "line 3, byte",
    )
    yield reject(
        "half a pair of surrogates", text().replace(b"c1", b"c\xed\xa0\x80"), "line 2, byte"
    )
    yield accept(
        "emoji",
        JAPANESE.replace("通販", "👨‍👩‍👧🍣").encode(),
        arrive={"g2": {"channel": "👨‍👩‍👧🍣"}, "g1": {"channel": SHOP}},
    )
    yield mixed(
        "the mark of UTF-8 within a file",
        (PLAIN + "\ufeff" + PLAIN.replace("g", "h")).encode(),
        Aside(4, None, REPEATED),
        arrive={**GOOD, "h1": {}, "h2": {}},
    )


def _delimiters() -> Iterator[Case]:
    for name, sign in (
        ("semicolon", ";"),
        ("tab", "\t"),
        ("pipe", "|"),
        ("full-width comma", "，"),
    ):
        content = "".join(sign.join(row) + "\n" for row in (HEADER, G1, G2)).encode()
        yield reject(
            f"{name} not configured",
            content,
            "is its delimiter" if name != "full-width comma" else "lacks",
        )
        if name != "full-width comma":
            how = mapping(f'delimiter: "{chr(92)}t"' if sign == "\t" else f"delimiter: '{sign}'")
            yield accept(
                f"{name} configured",
                content.replace(b"total", b"total" + sign.encode() + b"channel", 1)
                .replace(b"1000\n", b"1000" + sign.encode() + b"\n")
                .replace(b"2000.5\n", b"2000.5" + sign.encode() + b"\n"),
                mapping=how,
            )
    yield accept("tabs", lines([HEADER, G1, G2], "\t").encode(), "a.tsv")
    yield accept("every value in quotes", lines([HEADER, G1, G2], quote=1).encode())
    yield accept("space around values", PLAIN.replace(",", " , ").encode())
    yield accept("a comma at the end of every line", PLAIN.replace("\n", ",\n").encode())
    row = "x,c,2026-01-07,paid,JPY,7,"
    yield accept(
        "commas at the end of one line",
        text(row + ",,"),
        arrive={**GOOD, "x": {"customer_id": "c"}},
    )
    yield mixed(
        "commas at the end above a ragged row",
        text(row, "y,c"),
        Aside(4, None, RAGGED),
        arrive={**GOOD, "x": {}},
    )


def _ends() -> Iterator[Case]:
    yield accept("CRLF", PLAIN.replace("\n", "\r\n").encode())
    yield accept("CR", PLAIN.replace("\n", "\r").encode())
    yield accept("CRLF and LF in one file", PLAIN.replace("\n", "\r\n", 2).encode())
    yield accept("no line end at the end", PLAIN.rstrip("\n").encode())
    yield accept("blank lines", PLAIN.replace("\n", "\n\n \n").encode())
    yield accept("blank lines before the header", ("\n\n" + PLAIN).encode())
    yield accept("control-Z at the end", PLAIN.encode() + b"\x1a")
    yield reject("empty", b"", "empty (0 bytes)")
    yield reject("blank lines alone", b"\n\n \r\n", "no header")
    yield reject("a mark alone", b"\xef\xbb\xbf", "no header")
    yield accept(
        "a header alone",
        (",".join(HEADER) + "\n").encode(),
        arrive={},
        told=["has a header and no rows"],
    )
    yield reject("cut within a row", PLAIN[:-12].encode(), "ends in the middle of a row")
    yield reject("cut within quotes", (PLAIN + 'x,"c').encode(), "ends in the middle of a row")
    yield reject("one line of 5 MB", ONE_LINE, "longer than 2,000,000 bytes")
    yield reject("one line of 5 MB among rows", text("x," + "y" * 5_000_000), "line 3")
    yield reject(
        "one line of JSON of 5 MB",
        b'{"order_id": "' + ONE_LINE + b'"}',
        "longer than 2,000,000 bytes",
        "a.jsonl",
    )
    for name, sign in (
        ("line separator", "\u2028"),
        ("next line", "\u0085"),
        ("vertical tab", "\v"),
        ("form feed", "\f"),
    ):
        row = f'x,"c,x",2026-01-07,paid,JPY{sign},7'
        yield mixed(
            f"a {name} in a value",
            text(row, "y,c"),
            Aside(4, None, f"2 {RAGGED} 6"),
            arrive={**GOOD, "x": {"customer_id": "c,x"}},
        )


def _ragged() -> Iterator[Case]:
    for row, count in (
        ("x", 1),
        ("x,c", 2),
        ("x,c,2026-01-07,paid,JPY", 5),
        ("x,c,2026-01-07,paid,JPY,7,8", 7),
        ("x" + "," * 40 + "y", 41),
    ):
        yield mixed(f"a row of {count}", text(row), Aside(3, None, f"{count} {RAGGED} 6"))
    yield mixed(
        "two kinds of ragged",
        text("x", "x,y", "a,c,2026-01-07,paid,JPY,7"),
        Aside(3, None, RAGGED),
        Aside(4, None, RAGGED),
        arrive={**GOOD, "a": {}},
    )
    yield mixed("the header repeated", text(",".join(HEADER)), Aside(3, None, REPEATED))
    yield mixed(
        "the header repeated in quotes",
        text('"' + '","'.join(HEADER) + '"'),
        Aside(3, None, REPEATED),
    )
    yield mixed("the header repeated with space", text(" ,".join(HEADER)), Aside(3, None, REPEATED))
    yield mixed(
        "a NUL in a value", text("x,c\0,2026-01-07,paid,JPY,7"), Aside(3, None, "holds a NUL byte")
    )
    yield mixed("a line of NULs", text("\0" * 20), Aside(3, None, "holds a NUL byte"))
    yield reject("NULs alone", b"\0" * 2000, "NUL")
    yield mixed(
        "a comment between rows", text("# exported by the shop"), Aside(3, None, f"1 {RAGGED} 6")
    )
    yield mixed(
        "a total below",
        text("Total,,,,,3000"),
        Aside(3, "ordered_at", "missing"),
        Aside(3, "status", "missing"),
        Aside(3, "currency", "missing"),
    )


def _quotes() -> Iterator[Case]:
    good = "y,c,2026-01-08,paid,JPY,8"
    yield mixed(
        "a quote that does not close",
        text('x,"c,2026-01-07,paid,JPY,7', good),
        Aside(3, None, QUOTE),
        arrive={**GOOD, "y": {}},
    )
    yield mixed(
        "text behind a closing quote",
        text('x,"c"d,2026-01-07,paid,JPY,7', good),
        Aside(3, None, QUOTE),
        arrive={**GOOD, "y": {}},
    )
    for name, cell, found in (
        ("one quote in a value", 'c5"x', 'c5"x'),
        ("two quotes in a value", 'c"5"x', 'c"5"x'),
        ("doubled quotes", '"c""x"', 'c"x'),
        ("a line break in quotes", '"c\nx"', "c\nx"),
        ("CRLF in quotes", '"c\r\nx"', "c\r\nx"),
        ("a comma in quotes", '"c,x"', "c,x"),
        ("a backslash", '"c\\x"', "c\\x"),
    ):
        row = f"x,{cell},2026-01-07,paid,JPY,7"
        held = {**GOOD, "x": {"customer_id": found}}
        yield accept(name, text(row, good), arrive={**held, "y": {}})
        place = 4 + row.count("\n")
        yield mixed(
            f"{name} above a ragged row",
            text(row, "z", good),
            Aside(place, None, RAGGED),
            arrive={**held, "y": {}},
        )
    yield mixed(
        "a break in quotes moves the places below",
        text('x,"c\n\nx",2026-01-07,paid,JPY,7', "y,c,2026-02-30,paid,JPY,8"),
        Aside(6, "ordered_at", "not a date and time"),
        arrive={**GOOD, "x": {}},
    )
    yield mixed(
        "a backslash before a quote",
        text('x,"c\\",2026-01-07,paid,JPY,7', good),
        arrive={**GOOD, "x": {"customer_id": "c\\"}, "y": {}},
    )
    yield mixed(
        "quotes of another kind",
        text("x,“c”,2026-01-07,paid,JPY,'7'", good),
        Aside(3, "total", "not a number"),
        arrive={**GOOD, "y": {}},
    )


def _headers() -> Iterator[Case]:
    order = [5, 3, 0, 4, 2, 1]
    moved = lines([[row[i] for i in order] for row in (HEADER, G1, G2)]).encode()
    yield accept("columns in another order", moved)
    yield accept(
        "a header in capitals", PLAIN.replace(",".join(HEADER), ",".join(HEADER).upper()).encode()
    )
    yield accept(
        "a header with space", PLAIN.replace(",".join(HEADER), " , ".join(HEADER) + " ").encode()
    )
    yield accept(
        "a header in quotes",
        PLAIN.replace(",".join(HEADER), '"' + '","'.join(HEADER) + '"').encode(),
    )
    yield accept(
        "a column more",
        lines([(*HEADER, "mood"), (*G1, "glad"), (*G2, "")]).encode(),
        told=["unknown columns mood"],
    )
    yield accept(
        "a column without a name",
        lines([(*HEADER, ""), (*G1, "a"), (*G2, "")]).encode(),
        told=["unknown columns column_7"],
    )
    yield accept(
        "an optional column less",
        lines([[r[i] for i in (0, 1, 2, 3, 4)] for r in (HEADER, G1, G2)]).encode(),
        arrive={"g1": {"total": None}, "g2": {"total": None}},
    )
    yield accept(
        "an optional column renamed",
        PLAIN.replace("total", "totals").encode(),
        arrive={"g1": {"total": None}, "g2": {"total": None}},
        told=["unknown columns totals"],
    )
    yield reject(
        "a required column less",
        lines([[r[i] for i in (0, 1, 2, 3, 5)] for r in (HEADER, G1, G2)]).encode(),
        "lacks the required column `currency`",
    )
    yield reject(
        "a required column renamed",
        PLAIN.replace("order_id", "orderid").encode(),
        "lacks the required column `order_id`",
    )
    yield mixed(
        "a column of another type",
        text("x,c,2026-01-07,paid,JPY,about seven", "y,c,2026-01-07,paid,JPY,eight"),
        Aside(3, "total", "not a number"),
        Aside(4, "total", "not a number"),
    )
    odd = ("x", "c", "2026-01-07", "paid", "JPY", "7", "8")
    for again in ("total", "TOTAL"):
        yield mixed(
            f"a column twice, once as {again}",
            lines([(*HEADER, again), (*G1, G1[-1]), odd, (*G2, "")]).encode(),
            Aside(3, None, "`total` stands twice"),
        )
    yield reject("no header", lines([G1, G2]).encode(), "header")
    yield reject(
        "a comment above the header", ("# orders\n" + PLAIN).encode(), "lacks the required columns"
    )
    yield reject(
        "a title above the header",
        ("受注一覧,,,,,\n" + PLAIN).encode(),
        "lacks the required columns",
    )
    odd = 'a;"b`{{ x }}/../--'
    yield accept(
        "a column of a strange name",
        lines([(*HEADER, odd), (*G1, "1"), (*G2, "")]).encode(),
        told=[odd],
    )
