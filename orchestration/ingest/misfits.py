"""What the schema of a mapping cannot see: names that lead nowhere, and SQL that is too much."""

import re
from collections.abc import Iterator, Sequence

from orchestration.configuration import Where, unknown
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest.expressions import ExpressionError, check_expression, tables_of
from orchestration.ingest.language import FeedMap, Mapping

PARAMETER = re.compile(r"\bparameter\('([^']*)'\)")


def misfits(mapping: Mapping, text: str) -> Iterator[tuple[Where, str]]:
    """What the schema cannot see: names that lead nowhere, and SQL that is none or too much."""
    for name in PARAMETER.findall(text):
        if name not in mapping.parameters:
            yield ("parameters",), unknown("parameter", name, list(mapping.parameters))
    maps = [name for name, p in mapping.parameters.items() if isinstance(p.default, dict)]
    known = list(mapping.files)
    for name, files in mapping.files.items():
        if not name.isidentifier():
            yield ("files", name), f"`{name}`: use letters, digits and _"
        if isinstance(files.rename, str) and files.rename not in maps:
            yield ("files", name, "rename"), unknown("map in parameters", files.rename, maps)
        yield from _bad_sql(("files", name, "where"), [files.where])
        if files.if_absent != "reject" and not mapping.together:
            yield ("files", name, "if_absent"), "`if_absent` is of files that are `together: true`"
    for name, sql in mapping.steps.items():
        where = ("steps", name)
        if name in known or not name.isidentifier():
            yield where, f"`{name}`: a step needs a name of its own, of letters, digits and _"
        try:
            strange = sorted(tables_of(sql) - set(known))
        except ExpressionError as error:
            yield where, str(error)
            return
        if strange:
            yield where, unknown("table", strange[0], known)
            return
        known.append(name)
    yield from _misfit_feeds(mapping, known)
    yield from _misfit_untold(mapping)


def _misfit_feeds(mapping: Mapping, known: Sequence[str]) -> Iterator[tuple[Where, str]]:
    contract = feeds_by_name()
    for name, parts in mapping.feeds.items():
        if name not in contract:
            yield ("feeds", name), unknown("feed", name, list(contract))
            continue
        for index, part in enumerate(parts):
            here: Where = ("feeds", name, index)
            if part.from_ not in known:
                yield (*here, "from"), unknown("table", part.from_, list(known))
                return
            yield from _misfit_columns(here, part, contract[name])
            inputs = mapping.inputs[part.from_]
            if len(inputs) > 1 and not mapping.together:
                files = ", ".join(sorted(inputs))
                yield here, f"reads {files}: files that are joined need `together: true`"
            unpivoted = part.unpivot.columns if part.unpivot else {}
            maps = [n for n, p in mapping.parameters.items() if isinstance(p.default, dict)]
            if isinstance(unpivoted, str) and unpivoted not in maps:
                yield (*here, "unpivot", "columns"), unknown("map in parameters", unpivoted, maps)


def _misfit_untold(mapping: Mapping) -> Iterator[tuple[Where, str]]:
    contract = feeds_by_name()
    for index, untold in enumerate(mapping.cannot_tell):
        where = ("cannot_tell", index)
        if untold.feed not in mapping.feeds:
            yield (*where, "feed"), unknown("feed", untold.feed, list(mapping.feeds))
            continue
        names = [column.name for column in contract[untold.feed].columns]
        if untold.column not in names:
            yield (*where, "column"), unknown(f"column of {untold.feed}", untold.column, names)


def _misfit_columns(here: Where, part: FeedMap, feed: Feed) -> Iterator[tuple[Where, str]]:
    names = [column.name for column in feed.columns]
    for column in part.columns:
        if column not in names:
            yield (*here, "columns", column), unknown(f"column of {feed.name}", column, names)
    lacking = [c.name for c in feed.columns if c.required and c.name not in part.columns]
    if lacking:
        yield (*here, "columns"), f"{feed.name} needs {', '.join(lacking)}"
    yield from _bad_sql((*here, "where"), [part.where])
    yield from _bad_sql((*here, "group_by"), part.group_by)
    for column, source in part.columns.items():
        tax = source.without_tax if isinstance(source.without_tax, str) else None
        where = (*here, "columns", column)
        yield from _bad_sql(where, [source.sql, tax])


def _bad_sql(where: Where, expressions: Sequence[str | None]) -> Iterator[tuple[Where, str]]:
    for expression in expressions:
        try:
            if expression is not None:
                check_expression(expression)
        except ExpressionError as error:
            yield where, str(error)
