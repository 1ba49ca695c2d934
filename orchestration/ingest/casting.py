"""Text becomes what the contract says, or a reason why it cannot: the rules, as SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.contract import OTHER, Column, Feed, personal_columns
from orchestration.ingest import duck, tokens
from orchestration.ingest.spellings import (
    MISSING,
    NARROW,
    NO_VALUE,
    SPACE,
    WIDE,
    in_zone_to_utc,
)

RULES = "2"  # another number has every file read anew: for when a rule below changes
SHEET_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!")
LOST_DIGITS = r"[+-]?(\d+(\.\d+)?[eEｅＥ]\+\d+|\d+\.\d+[eEｅＥ]\d+)"


UNFIT = {  # what a value is that its column's type can make nothing of
    "integer": "not a whole number",
    "decimal": "not a number",
    "boolean": "neither yes nor no",
    "date": "not a date",
    "timestamp": "not a date and time",
}


@dataclass(frozen=True)
class Cast:
    """How the rows of one table of text become rows of a feed.

    `texts` gives the SQL of each delivered column's text; what the feed has beyond is null.
    An event later than `latest` (UTC) is bad. Times without an offset are in `zone`.
    """

    feed: Feed
    texts: Mapping[str, str]
    zone: str
    business_zone: str
    latest: datetime
    unknown: Mapping[str, str] = field(default_factory=dict)  # name -> SQL of its text
    has_serial_dates: bool = False
    is_typed: bool = False  # the cells may hold what no text file can: lists, bytes, a NUL

    @property
    def _originals(self) -> list[str]:
        return [f"t_{c.name}" for c in self.delivered] + [
            f"u_{i}" for i in range(len(self.unknown))
        ]

    @property
    def delivered(self) -> list[Column]:
        return [column for column in self.feed.columns if column.name in self.texts]

    def missing(self) -> list[str]:
        """Required columns that the table lacks."""
        return [c.name for c in self.feed.columns if c.required and c.name not in self.texts]

    def stream(self, table: str, carried: Sequence[str] = ()) -> str:
        """SQL: every row of `table` typed, with its `_row`, `_newlines` and what is bad of it.

        `_raw` holds the row's texts, as JSON, where it is bad or an enum's value became `other`.
        """
        kept = ", ".join(f"'{o}', {o}" for o in (*self._originals, "_why", "_text"))
        return f"""
            with texts as (
                select {self._texts(carried)}, _row, _newlines, _why, _text from ({table})
            ),
            typed as (select *, {self._typed()} from texts),
            judged as (select *, {self._is_bad()} as _is_bad, {self._is_other()} as _is_other
                from typed)
            select {", ".join([*self._outputs(), *carried])}, {self._extra()} as extra_columns,
                _row, _newlines, _is_bad, _why = '' as _is_blank,
                case when _is_bad or _is_other then json_object({kept})::varchar end as _raw
            from judged
        """

    def verdicts(self, bad: str, carried: Sequence[str] = ()) -> str:
        """SQL: the rows of `bad` (`_raw` and what they carry) with their `reasons`.

        `reasons` is a list of {column, value, reason}: empty where the row is good after all,
        because its parent in the table cancelled_parents(id) lets it be negative.
        """
        kinds = ", ".join(f'"{o}": "VARCHAR"' for o in (*self._originals, "_why", "_text"))
        labels = [*(c.name for c in self.delivered), *self.unknown]
        whole = ", ".join(
            f"{duck.text(label)}, {_shown(o)}"
            for label, o in zip(labels, self._originals, strict=True)
        )
        reasons = ", ".join(self._reasons())
        return f"""
            with texts as (
                select unnest(json_transform(_raw, '{{{kinds}}}')),
                    {", ".join((*carried, "_row"))}
                from {bad}
            ),
            typed as (select *, {self._typed()} from texts),
            judged as (select *, list_filter([{reasons}], lambda r: r.reason is not null)
                as reasons from typed)
            select {", ".join([*self._outputs(), *carried])}, {self._extra()} as extra_columns,
                _row, reasons, coalesce(_text, json_object({whole})::varchar) as _text
            from judged
        """

    def kept(self, table: str, raw: Path) -> str | None:
        """SQL: the tokens in a folder of raw that became of `table`, with the values that the
        vault keeps; None where the feed has none of these.
        """
        columns = [c for c in self.delivered if c.vault]
        if not columns:
            return None
        pairs = ", ".join(
            f"struct_pack(token := {tokens.token(c, c.name)},"
            f" value := {tokens.normalised(c.name, c.name)})"
            for c in columns
        )
        return f"""
            with texts as (select {self._texts(())} from ({table})),
            typed as (select {self._typed()} from texts),
            pairs as (select unnest([{pairs}]) as pair from typed),
            loaded as (
                select distinct unnest([{", ".join(c.name for c in columns)}]) as token
                from read_parquet({duck.path(raw)} || '/*.parquet')
            )
            select distinct pair.token as token, pair.value as value
            from pairs inner join loaded on pair.token = loaded.token
        """

    def others(self, bad: str) -> str:
        """SQL: per enum column the values that became `other`, and how often."""
        counts = [
            f"""select {duck.text(c.name)} as column_name, _raw ->> 't_{c.name}' as value,
                    count(*) as rows
                from {bad} where {_became_other(c, f"(_raw ->> 't_{c.name}')")} group by all"""
            for c in self.delivered
            if OTHER in c.enum
        ]
        return " union all ".join(counts) + " order by all" if counts else ""

    # ---- the parts of the statement

    def _texts(self, carried: Iterable[str]) -> str:
        parts = [f"{self.texts[c.name]} as t_{c.name}" for c in self.delivered]
        parts += [f"{sql} as u_{i}" for i, sql in enumerate(self.unknown.values())]
        return ", ".join([*parts, *carried])

    def _typed(self) -> str:
        return ", ".join(
            f"{self._cast(c) if c.name in self.texts else 'null'}::{c.duckdb_type} as {c.name}"
            for c in self.feed.columns
        )

    def _outputs(self) -> list[str]:
        return [
            f"{tokens.token(c, c.name)} as {c.name}"
            if c.is_token and c.name in self.texts
            else c.name
            for c in self.feed.columns
        ]

    def _extra(self) -> str:
        if not self.unknown:
            return "null::varchar"
        held = [f"clean({_shown(f'u_{i}')})" for i in range(len(self.unknown))]
        values = ", ".join(
            f"{duck.text(label)}, "
            + (f"hmac_token(folded({value}))" if label in personal_columns() else value)
            for label, value in zip(self.unknown, held, strict=True)
        )
        any_held = " or ".join(f"{value} is not null" for value in held)
        return f"case when {any_held} then json_object({values})::varchar end"

    def _cast(self, column: Column) -> str:
        text = f"t_{column.name}"
        match column.type:
            case "integer":
                return f"to_integer({text})"
            case "decimal":
                return f"to_decimal({text})"
            case "boolean":
                return f"""case {text} when 'true' then true when 'false' then false
                    else slow_boolean({text}) end"""
            case "date":
                return self._date(text)
            case "timestamp":
                return self._timestamp(text)
            case _:
                return _enum(column, text) if column.enum else self._string(column, text)

    def _string(self, column: Column, text: str) -> str:
        """The trimmed text; what has no space around it is taken as it is, an id if it is ASCII."""
        is_ascii = f"strlen({text}) = length({text})"
        wide = [sign for sign in SPACE if not sign.isascii()]
        has_wide = [f"{side}({text}, '{sign}')" for side in ("prefix", "suffix") for sign in wide]
        tidy = [
            f"{text} >= '!'",
            is_ascii if column.is_id else f"({is_ascii} or not ({' or '.join(has_wide)}))",
            *(f"not suffix({text}, {duck.text(sign)})" for sign in SPACE if sign.isascii()),
            f"{text} not in ({duck.texts(MISSING)})",
        ]
        slow = f"clean({text})"
        unfit = []
        if column.is_id:
            # 1.22158E+17 begins with a digit or a sign, all of which sort before the colon
            tidy.append(f"({text} > ':' or not (contains({text}, '+') or contains({text}, '.')))")
            tidy.append(f"not ({text} >= '#' and {text} < '$')")  # an error, #N/A
            unfit.append(f"regexp_full_match(narrow({text}), {duck.text(LOST_DIGITS)})")
            unfit.append(_is_sheet_error(text))
            slow = f"translate(clean({text}), '{WIDE[:10]}', '{NARROW[:10]}')"
        if self.is_typed:
            tidy.append(f"not contains({text}, chr(0))")
            unfit.append(f"prefix({text}, {duck.text(NO_VALUE)}) or contains({text}, chr(0))")
        if unfit:
            slow = f"case when {' or '.join(unfit)} then null else {slow} end"
        result = f"case when {' and '.join(tidy)} then {text} else {slow} end"
        return f"lower({result})" if column.lower else result

    def _date(self, text: str) -> str:
        slow = f"slow_date({text}, {duck.text(self.business_zone)})"
        if self.has_serial_dates:
            slow = f"coalesce(serial_moment({text})::date, {slow})"
        fast = f"try_cast({text} as date)"
        return f"""case when strlen({text}) = 10 and {text} > '0001' and {text} < ':'
            and {fast} is not null then {fast} else {slow} end"""

    def _timestamp(self, text: str) -> str:
        zone, business = self.zone, duck.text(self.business_zone)
        slow = f"slow_moment({text}, {duck.text(zone)}, {business})"
        if self.has_serial_dates:
            slow = f"""coalesce(
                case when contains({text}, '.')
                    then in_utc(serial_moment({text}), {duck.text(zone)})
                    else in_utc(serial_moment({text}), {business}) end,
                {slow})"""
        local, utc = f"try_cast({text} as timestamp)", f"try_cast(left({text}, 19) as timestamp)"
        offset = f"try_cast({text} as timestamptz)"
        whole = f"substr({text}, 17, 1) = ':' and {text} > '0001' and {text} < ':'"
        return f"""case
            when strlen({text}) = 19 and {whole} and {local} is not null
                then {in_zone_to_utc(local, zone)}
            when strlen({text}) = 20 and {whole} and suffix({text}, 'Z') and {utc} is not null
                then {utc}
            when strlen({text}) = 25 and {whole} and substr({text}, 20, 1) in ('+', '-')
                and substr({text}, 21, 2) < '14' and {offset} is not null
                then {offset}::timestamp
            else {slow} end"""

    # ---- what is bad

    def _is_bad(self) -> str:
        checks = ["_why <> ''"]
        for column in self.feed.columns:
            given = column.name in self.texts
            if column.required:
                checks.append(f"{column.name} is null and _why is null")
            elif given and self._can_fail(column):
                text = f"t_{column.name}"
                checks.append(
                    f"case when {column.name} is not null or {text} is null then false"
                    f" else clean({text}) is not null end"
                )
            if given and column.min is not None:
                checks.append(self._too_small(column, None))
        checks += [f"not ({rule.holds})" for rule in self.feed.rows]
        checks.append(self._lies_ahead())
        return " or ".join(f"coalesce({check}, false)" for check in checks)

    def _is_other(self) -> str:
        # DuckDB works out both sides of an `and` for every row, a `case` only where it comes to it
        checks = [
            f"case when {c.name} = '{OTHER}' then {_became_other(c, f't_{c.name}')} end"
            for c in self.delivered
            if OTHER in c.enum
        ]
        return " or ".join(f"coalesce({check}, false)" for check in checks) or "false"

    def _can_fail(self, column: Column) -> bool:
        if column.type in ("string", "text"):
            is_closed = bool(column.enum) and OTHER not in column.enum
            return self.is_typed or column.is_id or is_closed
        return True

    def _too_small(self, column: Column, cancelled_parents: str | None) -> str:
        small = f"{column.name} < {column.min}"
        if self.feed.negative_where:
            small += f" and not coalesce({self.feed.negative_where}, false)"
        if self.feed.negative_where_parent and cancelled_parents:
            small += f" and {self.feed.parent} not in (select id from {cancelled_parents})"
        return small

    def _lies_ahead(self) -> str:
        event = self.feed.event_at
        if not event or self.feed.may_lie_ahead or event not in self.texts:
            return "false"
        limit: object = self.latest
        if self.feed.column(event).type == "date":
            zone = ZoneInfo(self.business_zone)
            limit = self.latest.replace(tzinfo=UTC).astimezone(zone).date()
            return f"{event} > date '{limit}'"
        return f"{event} > timestamp '{limit}'"

    def _reasons(self) -> list[str]:
        parts = [_reason("null", "null", "_why <> ''", "_why", literal=False)]
        for column in self.feed.columns:
            name, text = column.name, f"t_{column.name}"
            whole = "_why is null and "
            if column.name in self.texts:
                if self._can_fail(column) or column.enum:
                    unfit = f"{whole}{name} is null and clean({text}) is not null"
                    why = self._unfit(column, text)
                    parts.append(_reason(name, text, unfit, why, literal=False))
                if column.required:
                    parts.append(_reason(name, text, f"{whole}clean({text}) is null", "missing"))
                if column.min is not None:
                    small = self._too_small(column, "cancelled_parents")
                    parts.append(_reason(name, text, f"{whole}{small}", "negative"))
        for rule in self.feed.rows:
            text = f"t_{rule.column}" if rule.column in self.texts else "null"
            parts.append(
                _reason(rule.column, text, f"_why is null and not ({rule.holds})", rule.reason)
            )
        if self.feed.event_at in self.texts:
            event = self.feed.event_at
            late = f"_why is null and {self._lies_ahead()}"
            parts.append(_reason(event, f"t_{event}", late, "later than its delivery + 1 day"))
        return parts

    def _unfit(self, column: Column, text: str) -> str:
        """The SQL of what is wrong with a text of which the column's type can make nothing."""
        reason = duck.text(_unfit(column))
        if column.is_id:
            reason = f"""case when {_is_sheet_error(text)}
                then 'an error of a spreadsheet, and no id' else {reason} end"""
        if self.is_typed and column.type in ("string", "text"):
            reason = f"""case when contains({text}, chr(0)) then 'holds a NUL'
                when {text} = {duck.text(NO_VALUE)} then 'bytes that are not text'
                when prefix({text}, {duck.text(NO_VALUE)})
                    then 'a list or an object, not one value'
                else {reason} end"""
        return reason


def _shown(text: str) -> str:
    """The SQL of a text as people see it."""
    return f"ltrim({text}, {duck.text(NO_VALUE)})"


def _reason(column: str, value: str, when: str, reason: str, *, literal: bool = True) -> str:
    label = "null::varchar" if column == "null" else duck.text(column)
    reason = duck.text(reason) if literal else reason
    return f"""{{'column': {label}, 'value': {_shown(f"{value}::varchar")},
        'reason': case when {when} then {reason} end}}"""


def _unfit(column: Column) -> str:
    if column.enum:
        return f"not one of {', '.join(column.enum)}"
    return UNFIT.get(column.type, "an id in scientific notation has lost its digits")


def _is_sheet_error(text: str) -> str:
    # DuckDB turns a long `in` into a join, for which `clean` is worked out for every row
    return f"list_contains([{duck.texts(SHEET_ERRORS)}], clean({text}))"


def _became_other(column: Column, text: str) -> str:
    return f"not list_contains([{duck.texts(column.enum)}], lower(narrow({text})))"


def _enum(column: Column, text: str) -> str:
    no_value = f"when prefix(e, {duck.text(NO_VALUE)}) then null"
    fallback = f"{no_value} when e is not null then '{OTHER}'" if OTHER in column.enum else ""
    allowed = duck.texts(column.enum)
    return f"""case when {text} in ({allowed}) then {text}
        else list_transform([lower(narrow({text}))],
            lambda e: case when e in ({allowed}) then e {fallback} end)[1] end"""


def fingerprint(parts: Sequence[str]) -> str:
    """A hash of the rules, as this release has them, and of `parts`."""
    return sha256("\n".join([RULES, *parts]).encode()).hexdigest()
