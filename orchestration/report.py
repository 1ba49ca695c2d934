"""What a night and the commands beside it print."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
from rich import markup
from rich.console import Console
from rich.status import Status
from rich.table import Table

from orchestration import progress
from orchestration.adding import Offer, Preview
from orchestration.company import System
from orchestration.ingest import duck
from orchestration.live.memory import CHECK
from orchestration.privacy.persons import Person
from orchestration.publishing import PERSON_FREE, WHOLE, Version
from orchestration.quarantine import Kind, Replayed, Row

POINTS = ("percent", "points", "score")  # units whose change is a difference
MARKS = {progress.DONE: "[green]✓[/green]", progress.WARNING: "[yellow]![/yellow]"}
FALLBACK = 5  # KPIs that are shown where no headline is live
MANY = 12  # lines after which a list is cut short


def escape(text: str) -> str:
    """Text that came with the data, of which neither rich nor the terminal makes anything."""
    return markup.escape(progress.printable(text))


class Terminal:
    """Says what the night says: lines that stay, and below them what is under way."""

    def __init__(self, console: Console):
        self.console = console
        self._status: Status | None = None

    def __call__(self, text: str, kind: str) -> None:
        if kind in MARKS:
            self.console.print(f"{MARKS[kind]} {escape(text)}", soft_wrap=True)
        elif not self.console.is_terminal:
            return
        elif self._status is None:
            self._status = self.console.status(escape(text))
            self._status.start()
        else:
            self._status.update(escape(text))

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def night(console: Console, version: Version, currency: str) -> None:
    """The morning's figures, what is missing from them, and where they lie."""
    with duck.opened(version.folder / PERSON_FREE) as connection:
        console.print(_headlines(connection, version, currency))
        console.print(_quarantined(connection, version.run))
        console.print(_drift(connection, version.run), soft_wrap=True)
        for line in [*_away(connection, version.run), *_not_live(connection)]:
            console.print(line, soft_wrap=True)
        ((seconds,),) = connection.execute(
            "select seconds from marts.runs where run_id = ?", [version.run]
        ).fetchall()
    console.print(f"\nDone in {seconds:.0f} s.")
    where = version.folder / WHOLE
    if version.is_current:
        where = version.folder.parent.parent / "current" / WHOLE
        console.print(
            f"Published: [bold]{escape(str(where))}[/bold] (schema marts)", soft_wrap=True
        )
        console.print(
            f"Without persons: {escape(str(where.with_name(PERSON_FREE)))}", soft_wrap=True
        )
    else:
        console.print(
            f"Kept aside, for a later day is published: {escape(str(where))}", soft_wrap=True
        )


def preview(
    console: Console, offers: Sequence[Offer], systems: Mapping[str, System], seen: Preview
) -> None:
    """What files were known as, their first rows as they would arrive, and what is bad in them."""
    for offer in offers:
        by = ", ".join(offer.known.by)
        console.print(
            f"[bold]{escape(offer.path.name)}[/bold]: {escape(offer.known.name)}"
            f" ({escape(offer.known.entry)}), known by the columns {escape(by)}",
            soft_wrap=True,
        )
        console.print(f"  goes to landing/{escape(offer.place)}", soft_wrap=True)
    for name, system in systems.items():
        said = system.model_dump(exclude_defaults=True)
        console.print(
            f"company.yml says of system {escape(name)}: {escape(str(said or 'nothing'))}"
        )
    for name, report in seen.reports.items():
        counts = f"{report.rows_loaded:,} of {report.rows_in:,} rows arrive"
        left_out = sum(report.ignored.values())
        counts += f", {left_out:,} left out as the mapping says" if left_out else ""
        console.print(f"\n[bold]{name}[/bold]: {counts}")
        if report.unknown_columns:
            unknown = escape(", ".join(report.unknown_columns))
            console.print(f"  nothing is made of the columns {unknown}", soft_wrap=True)
        for row in seen.rows.get(name, ()):
            cells = " · ".join(f"{column} {value}" for column, value in row.items())
            console.print(f"  {escape(cells)}", soft_wrap=True)
        for (column, reason), count in report.reasons.most_common(MANY):
            console.print(f"  [yellow]{count:,} × {escape(column)} {escape(reason)}[/yellow]")
    if seen.bad:
        console.print("\nIn quarantine, for example")
        for bad in seen.bad:
            value = f" `{bad.value}`" if bad.value is not None else ""
            console.print(
                f"  line {bad.line}: {bad.feed} {escape(bad.column or '')}{escape(value)}:"
                f" {escape(bad.reason)}",
                soft_wrap=True,
            )
    for name, why in seen.rejected.items():
        console.print(f"[red]{escape(name)}: {escape(why)}[/red]", soft_wrap=True)
    console.print()


def draft(console: Console, path: Path, written: Path) -> None:
    """That nobody knows a file, and where the draft of a mapping lies."""
    console.print(
        f"{escape(path.name)}: no mapping that comes with Kizuna knows its header.\n"
        f"A draft of one lies in [bold]{escape(str(written))}[/bold]: look at every line of it,"
        f" then `kizuna add {escape(str(path))} --system {escape(written.stem)}` shows what it"
        " makes of the file.",
        soft_wrap=True,
    )


def kpis(console: Console, path: Path, codes: Sequence[str], grain: str, periods: int) -> None:
    """The last periods of some KPIs, overall."""
    with duck.opened(path) as connection:
        known = connection.sql("select kpi, name_en, unit from marts.kpi_catalog").fetchall()
        for code in codes:
            name, unit = next(((n, u) for kpi, n, u in known if kpi == code), (None, None))
            if name is None:
                from orchestration.configuration import unknown

                raise KeyError(unknown("KPI", code, [kpi for kpi, *_ in known]))
            rows = connection.execute(
                "from marts.kpi_values select period_start, value, ci_low, ci_high, n,"
                " previous_value, is_complete, is_mature"
                " where kpi = ? and grain = ? and segment_dimension = 'overall'"
                " order by period_start desc limit ?",
                [code, grain, periods],
            ).fetchall()
            table = Table(title=f"{name} ({code})", title_justify="left")
            for heading in (grain, "value", "95 % interval", "n", "change", ""):
                table.add_column(heading, justify="left" if heading in (grain, "") else "right")
            for start, value, low, high, n, before, complete, mature in reversed(rows):
                table.add_row(
                    str(start),
                    _figure(value, unit),
                    _interval(low, high, unit),
                    "" if n is None else f"{n:,}",
                    _change(value, before, unit),
                    "" if complete and mature else "not mature" if complete else "not complete",
                )
            console.print(table)


def _headlines(connection: duckdb.DuckDBPyConnection, version: Version, currency: str) -> Table:
    rows = connection.execute(
        """
        with live as (
            select distinct on (kpi) *
            from marts.kpi_report
            where grain = 'month' and segment_dimension = 'overall' and value is not null
            order by kpi, (is_complete and is_mature) desc, period_start desc
        )
        select
            name_en, name_ja, unit, direction, period_start, value, ci_low, ci_high, previous_value
        from live
        where is_headline or (
            not (select bool_or(is_headline) from live)
            and kpi in (select kpi from live order by kpi limit ?)
        )
        order by kpi
        """,
        [FALLBACK],
    ).fetchall()
    title = f"As of {version.as_of}, night {version.run}"
    table = Table(title=title, title_justify="left", caption=f"money in {currency}")
    for heading in ("KPI", "month"):
        table.add_column(heading)
    for heading in ("value", "95 % interval", "change on the month before"):
        table.add_column(heading, justify="right")
    for name, ja, unit, direction, start, value, low, high, before in rows:
        change = _change(value, before, unit)
        if change and value != before:
            colour = "green" if (value > before) == (direction == "up") else "red"
            change = f"[{colour}]{change}[/{colour}]"
        table.add_row(
            f"{name} {ja}",
            f"{start:%Y-%m}",
            _figure(value, unit),
            _interval(low, high, unit),
            change,
        )
    return table


def _quarantined(connection: duckdb.DuckDBPyConnection, run: str) -> Table | str:
    rows = connection.execute(
        """
        select system, feed, column_name, reason, count(*), count(*) filter (where run_id = ?)
        from marts.quarantined_rows
        group by all
        order by count(*) desc, system, feed, column_name, reason
        """,
        [run],
    ).fetchall()
    if not rows:
        return "\nNothing is in quarantine."
    table = Table(title="In quarantine", title_justify="left")
    for heading in ("system", "feed", "column", "why"):
        table.add_column(heading)
    for heading in ("rows", "new tonight"):
        table.add_column(heading, justify="right")
    for system, feed, column, reason, count, new in rows[:MANY]:
        texts = (escape(str(value or "")) for value in (system, feed, column, reason))
        table.add_row(*texts, f"{count:,}", f"{new:,}")
    if len(rows) > MANY:
        rest = sum(row[4] for row in rows[MANY:])
        table.add_row("", "", "", f"{len(rows) - MANY} more reasons", f"{rest:,}", "")
    return table


def _drift(connection: duckdb.DuckDBPyConnection, run: str) -> str:
    """One line on files whose columns are not as before."""
    rows = connection.execute(
        "select observed from marts.data_quality"
        " where run_id = ? and kind = 'drift' and not passed order by asset, check_name",
        [run],
    ).fetchall()
    if not rows:
        return "Schema drift: none."
    return f"Schema drift: {escape('; '.join(observed for (observed,) in rows))}"


def quarantined_kinds(kinds: Sequence[Kind]) -> Table | str:
    """What is in quarantine, by feed, reason and file."""
    if not kinds:
        return "Nothing is in quarantine."
    table = Table(title="In quarantine", title_justify="left")
    for heading in ("feed", "file", "column", "why", "rows", "nights"):
        table.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for one in kinds:
        texts = (escape(text or "") for text in (one.feed, one.file, one.column, one.reason))
        nights = one.first if one.first == one.last else f"{one.first} … {one.last}"
        table.add_row(*texts, f"{one.rows:,}", nights)
    return table


def quarantined_rows(rows: Sequence[Row], limit: int) -> Table | str:
    """Rows in quarantine, the first ones."""
    if not rows:
        return "No such row is in quarantine."
    more = f"{len(rows) - limit:,} more; --limit shows them" if len(rows) > limit else None
    table = Table(title=f"{len(rows):,} in quarantine", title_justify="left", caption=more)
    for heading in ("file", "line", "column", "value", "why", "as delivered"):
        table.add_column(heading, justify="right" if heading == "line" else "left", overflow="fold")
    for row in rows[:limit]:
        line = "" if row.line is None else str(row.line)
        texts = (row.column, row.value, row.reason, row.original)
        table.add_row(escape(row.file), line, *(escape(text or "") for text in texts))
    return table


def replayed(found: Sequence[Replayed]) -> Table | str:
    """What would come in of what is in quarantine, if it were read now."""
    if not found:
        return "Nothing that lies in landing/ has rows in quarantine."
    comes_in = sum(max(one.comes_in, 0) for one in found)
    said = f"{comes_in:,} rows come in with the next night" if comes_in else "No row would come in"
    table = Table(title=said, title_justify="left")
    for heading in ("feed", "file", "in quarantine", "come in", "stay", "why"):
        justify = "left" if heading in ("feed", "file", "why") else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for one in found:
        counts = (one.set_aside, one.comes_in, one.stays)
        texts = (f"{count:,}" for count in counts)
        table.add_row(escape(one.feed), escape(one.file), *texts, escape(one.why_not or ""))
    return table


def _away(connection: duckdb.DuckDBPyConnection, run: str) -> list[str]:
    """Live sources that could not be fetched, and how old that leaves what came of them."""
    rows = connection.execute(
        """
        select asset, observed from marts.data_quality
        where run_id = ? and check_name = ? and not passed
        order by asset
        """,
        [run, CHECK],
    ).fetchall()
    return [
        f"[yellow]Not fetched tonight:[/yellow] {escape(asset)}, {escape(seen)}"
        for asset, seen in rows
    ]


def _not_live(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        """
        select missing_feeds, list(kpi order by kpi)
        from marts.kpi_coverage
        where not is_live
        group by missing_feeds
        order by len(list(kpi)) desc, missing_feeds
        """
    ).fetchall()
    if not rows:
        return ["Every KPI is live."]
    return ["\n[bold]Not live[/bold]"] + [
        f"  missing feeds {feeds}: {', '.join(kpis)}"
        if feeds
        else f"  no value yet: {', '.join(kpis)}"
        for feeds, kpis in rows
    ]


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "percent":
        return f"{value:.{1 if abs(value) >= 10 else 2}f} %"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.2f}"


def _interval(low: float | None, high: float | None, unit: str) -> str:
    return "" if low is None or high is None else f"{_figure(low, unit)} … {_figure(high, unit)}"


def _change(value: float | None, before: float | None, unit: str) -> str:
    if value is None or before is None:
        return ""
    if unit in POINTS:
        change = value - before
        return f"{change:+.{1 if abs(change) >= 1 else 2}f} points"
    return f"{100 * (value - before) / abs(before):+.1f} %" if before else ""


def held(person: Person, found: Mapping[str, Mapping[str, int]]) -> Table:
    """How much of a person lies where, without a value."""
    ids = escape(", ".join(person.keys)) or "no customer id: a guest"
    table = Table(title=f"Known as {ids}", title_justify="left")
    for heading in ("where", "what", "rows"):
        table.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for place, things in found.items():
        for thing, count in sorted(things.items()):
            if count:
                table.add_row(escape(place), escape(thing), f"{count:,}")
    return table


def erased(counts: Mapping[str, int]) -> str:
    """What an erasure changed, by place."""
    told = ", ".join(f"{place} {count:,}" for place, count in sorted(counts.items()) if count)
    return f"Erased. Rows or places that changed: {told or 'none'}"
