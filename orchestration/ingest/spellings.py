"""How exports may spell a value: what each type understands, as functions of DuckDB."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import duckdb

from orchestration.ingest import duck

# Surrounding space: ASCII, no-break, ideographic, and a byte order mark within a file.
SPACE = " \t\r\n\u00a0\u3000\ufeff"
MISSING = ("", "NULL", "nan")
NO_VALUE = "\x1f"  # stands before a list or an object, and alone for bytes that are no text
WIDE, NARROW = "０１２３４５６７８９．，－−＋／：￥＄　", "0123456789.,--+/:¥$ "
MOMENT = (
    r"^(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
NUMBER = r"[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)"
FIXED_FROM, FIXED_TO = 1970, 2100
EXCEL_EPOCH = "timestamp '1899-12-30'"

MACROS = (
    f"""clean(v) as case when trim(v, {duck.text(SPACE)}) in ({duck.texts(MISSING)}) then null
        else trim(v, {duck.text(SPACE)}) end""",
    f"cell(v) as clean(ltrim(v, {duck.text(NO_VALUE)}))",
    f"narrow(v) as translate(clean(v), '{WIDE}', '{NARROW}')",
    rf"""slow_integer(v) as case when regexp_full_match(narrow(v), '{NUMBER}(\.0*)?')
        then try_cast(split_part(replace(narrow(v), ',', ''), '.', 1) as bigint) end""",
    r"""slow_decimal(v) as case
        when regexp_full_match(
            narrow(v),
            '([+-]?[¥$\\]?|[¥$\\][+-]?)(([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]*)?|\.[0-9]+)'
        )
        then try_cast(regexp_replace(narrow(v), '[¥$\\,+]', '', 'g') as decimal(18, 4)) end""",
    # 12 comes out of the fast cast as it went in; 1e3, 2.5 and 0x1F do not
    """to_integer(v) as case when try_cast(v as bigint)::varchar = v then try_cast(v as bigint)
        else slow_integer(v) end""",
    """to_decimal(v) as case when contains(v, 'e') or contains(v, 'E') or contains(v, '_')
        then null else coalesce(try_cast(v as decimal(18, 4)), slow_decimal(v)) end""",
    # DuckDB turns a long `in` into a join, for which `narrow` is worked out for every row
    """slow_boolean(v) as case
        when list_contains(['true', 't', 'yes', 'y', '1', 'はい'], lower(narrow(v))) then true
        when list_contains(['false', 'f', 'no', 'n', '0', 'いいえ'], lower(narrow(v))) then false
        end""",
    # 2026年2月3日 10時20分, 2026/02/03 10:20 and 20260203T102000 in one spelling
    r"""moment_text(v) as regexp_replace(
        regexp_replace(
            regexp_replace(
                rtrim(translate(replace(replace(narrow(v), '日', ' '), '秒', ''),
                    '年月/時分', '---::'), ': '),
                '^(\d{4})(\d{2})(\d{2})($|[T ])', '\1-\2-\3\4'
            ),
            '([T ])(\d{2})(\d{2})(\d{2})', '\1\2:\3:\4'
        ),
        '\s+', ' ', 'g'
    )""",
    f"""moment_parts(v) as regexp_extract(
        moment_text(v), '{MOMENT}', ['y', 'mo', 'd', 'h', 'mi', 's', 'f', 'o'])""",
    """in_utc(local, zone) as timezone('UTC', timezone(zone, local))""",
    """local_moment(p) as case when p.y > '0000' then try_cast(
        p.y || '-' || p.mo || '-' || p.d || ' ' || coalesce(nullif(p.h, ''), '00')
        || ':' || coalesce(nullif(p.mi, ''), '00') || ':' || coalesce(nullif(p.s, ''), '00')
        || '.' || coalesce(nullif(p.f, ''), '0') as timestamp) end""",
    """offset_minutes(o) as case when upper(o) in ('Z', 'UTC', 'GMT') then 0
        else (case when o[1] = '-' then -1 else 1 end)
            * (o[2:3]::int * 60 + coalesce(try_cast(right(o, 2) as int), 0)
                * (case when length(o) > 3 then 1 else 0 end)) end""",
    # 2026-02-03 10:20:30 and nothing else is 19 signs long with a colon there
    """is_plain_moment(v) as strlen(v) = 19 and substr(v, 17, 1) = ':' and v > '0001'
        and v < ':'""",
    """slow_moment(v, zone, business_zone) as list_transform([moment_parts(v)], lambda p: case
        when p.h = '' and p.o <> '' then null
        when p.h = '' then in_utc(local_moment(p), business_zone)
        when p.o = '' then in_utc(local_moment(p), zone)
        when abs(offset_minutes(p.o)) <= 840
            then local_moment(p) - to_minutes(offset_minutes(p.o)) end)[1]""",
    """slow_date(v, business_zone) as list_transform([moment_parts(v)], lambda p: case
        when p.o = '' then local_moment(p)::date
        when p.h <> '' and abs(offset_minutes(p.o)) <= 840
            then timezone(business_zone, timezone('UTC', local_moment(p)
                - to_minutes(offset_minutes(p.o))))::date end)[1]""",
    # Excel's days since 1899-12-30, as XLSX keeps a date
    rf"""serial_moment(v) as case when regexp_full_match(clean(v), '\d{{1,7}}(\.\d+)?')
        then {EXCEL_EPOCH} + to_milliseconds(round(clean(v)::double * 86400000)::bigint) end""",
)  # fmt: skip


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the functions that the casts use."""
    for macro in MACROS:
        connection.execute(f"create temp macro {macro}")


@cache
def fixed_offset(zone: str) -> timedelta | None:
    """The zone's offset from UTC where it had only one since 1970."""
    info = ZoneInfo(zone)
    offsets = {
        datetime(year, month, day, tzinfo=UTC).astimezone(info).utcoffset()
        for year in range(FIXED_FROM, FIXED_TO)
        for month in range(1, 13)
        for day in (1, 16)
    }
    return offsets.pop() if len(offsets) == 1 else None


def in_zone_to_utc(local: str, zone: str) -> str:
    offset = fixed_offset(zone)
    if offset is None:
        return f"in_utc({local}, {duck.text(zone)})"
    micros = round(offset.total_seconds() * 1_000_000)
    fixed = f"make_timestamp(epoch_us({local}) - {micros})" if micros else local
    return f"""case when {local} >= timestamp '{FIXED_FROM}-01-02' then {fixed}
        else in_utc({local}, {duck.text(zone)}) end"""
