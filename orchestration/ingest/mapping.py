"""Mappings: how a system's own exports become feeds, one YAML file per system, read and checked."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Map
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from orchestration.company import Company, ConfigError, Text, TimeZone, unknown
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest.expressions import ExpressionError, check_expression, tables_of
from orchestration.ingest.reading import Layout

KINDS = ("column", "sql", "constant", "hash")
PARAMETER = re.compile(r"\bparameter\('([^']*)'\)")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Texts = Annotated[list[Text], BeforeValidator(_listed)]


Encoding = Literal["utf-8", "utf-16", "cp932", "euc-jp"]


class Part(BaseModel):
    """A part of a mapping; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FillDown(Part):
    """Columns whose blank cells take the value above them."""

    columns: Texts = Field(description="The columns to fill.")
    within: Texts = Field([], description="Only from rows that have the same values in these.")


class Files(Part):
    """One kind of file that a system exports, and how to read it."""

    match: Texts = Field(description="Patterns of its path below landing/<system>/.")
    format: Literal["csv", "tsv", "jsonl", "parquet", "xlsx"] | None = Field(
        None, description="Where the name does not say it."
    )
    encoding: Annotated[list[Encoding], BeforeValidator(_listed)] = Field(
        [],
        description=(
            "UTF-8 unless said; CP932 and EUC-JP are never guessed. Of several the first in"
            " which all of the file is valid."
        ),
    )
    delimiter: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1)]], BeforeValidator(_listed)
    ] = Field(
        [],
        description="Comma, for .tsv a tab. Of several the first with which the header is found.",
    )
    quote: str = Field('"', max_length=1, description="Empty: quotes mean nothing.")
    header_row: Annotated[int, Field(ge=0)] | Literal["found"] = Field(
        1,
        description=(
            "Row that holds the names; 0: none does; found: the first that holds `recognised_by`."
        ),
    )
    skip_below_header: int = Field(0, ge=0, description="Rows below it that are no data.")
    parts_below_header: bool = Field(
        False, description="The row below it names the parts of a question of several columns."
    )
    columns: Texts = Field([], description="Names of the columns, in place of the header's.")
    sheet: str | None = Field(None, description="Sheet of a workbook; else the first.")
    rename: dict[str, str] | str = Field(
        {},
        description="File's name of a column: name to use below; or the parameter that says so.",
    )
    aliases: dict[str, Texts] = Field(
        {}, description="Name of a column: other names of it, in other languages or releases."
    )
    optional: Texts = Field([], description="Columns that may be absent: then they are empty.")
    recognised_by: Texts = Field(
        [], description="Columns by which a file is known as one of these, whatever its name."
    )
    if_absent: Literal["reject", "leave_out", "empty"] = Field(
        "reject",
        description=(
            "Where files are read together and this is missing: reject the folder, leave out the"
            " feeds of such files, or take it for empty."
        ),
    )
    fill_down: FillDown | None = None
    where: str | None = Field(None, description="SQL: the rows to keep.")
    unusable: str | None = Field(
        None, description="Why no feed can be made of these: such a file is rejected with it."
    )

    @model_validator(mode="after")
    def _has_names(self) -> "Files":
        if self.header_row == 0 and not self.columns:
            raise ValueError("`header_row: 0` needs `columns`, the names of the columns")
        if self.header_row == "found" and not self.recognised_by:
            raise ValueError("`header_row: found` needs `recognised_by`, the columns to look for")
        if len(self.delimiter) > 1 and self.header_row != "found":
            raise ValueError("several delimiters need `header_row: found`")
        return self

    @property
    def layout(self) -> Layout:
        found = self.header_row == "found"
        return Layout(
            tuple(self.encoding),
            tuple(self.delimiter),
            self.quote,
            1 if self.header_row == "found" else self.header_row,
            tuple(frozenset(self.spellings(name)) for name in self.recognised_by if found),
            self.skip_below_header,
            self.parts_below_header,
            tuple(self.columns),
            self.sheet,
        )

    @property
    def renamed(self) -> dict[str, str]:
        """`rename`, as far as it is known without company.yml."""
        return {} if isinstance(self.rename, str) else self.rename

    def spellings(self, name: str) -> list[str]:
        """What a column may be called in a file."""
        return [name, *self.aliases.get(name, [])]

    def called(self, columns: Sequence[str]) -> list[str]:
        """The names by which the columns of a file go from here on."""
        known = {other: name for name, others in self.aliases.items() for other in others}
        return [
            self.renamed.get(name)
            or (name if known.get(name) in columns else known.get(name, name))
            for name in columns
        ]

    def mentions(self, name: str) -> bool:
        """Whether a column, by its name of here, is one that the vendor's files have."""
        return name in {*self.recognised_by, *self.optional, *self.aliases, *self.renamed.values()}

    def matches(self, path: str) -> bool:
        """Whether a path below landing/<system>/ is one of these files."""
        return any(PurePosixPath(path).match(pattern) for pattern in self.match)


def _as_source(value: Any) -> Any:
    if isinstance(value, str):
        return {"source": value}
    if isinstance(value, bool | int | float):
        return {"constant": value}
    return value


class Source(Part):
    """Where the value of a feed's column comes from, and what is done with it."""

    source: str | None = Field(None, description="A column of the file, else an SQL expression.")
    column: str | None = Field(None, description="A column of the file.")
    sql: str | None = Field(None, description="An SQL expression.")
    constant: Text | None = Field(None, description="The same value in every row.")
    hash: Texts | None = Field(None, description="A key made up of these columns or expressions.")
    values: dict[Text, Text | None] = Field({}, description="Value in the file: value in the feed.")
    otherwise: Text | None = Field(None, description="For what `values` lacks; else kept.")
    ignore: Texts = Field([], description="Rows with these values are left out, and counted.")
    dates: Texts = Field(
        [], description="Formats (strptime) of its dates and times, tried in turn."
    )
    time_zone: TimeZone | None = Field(None, description="Zone of its times without an offset.")
    without_tax: float | str | None = Field(
        None, description="Tax to take out, in percent: a number, a column or an expression."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> "Source":
        given = [kind for kind in ("source", *KINDS) if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)}")
        return self


Sourced = Annotated[Source, BeforeValidator(_as_source)]


def _as_question(value: Any) -> Any:
    return value if isinstance(value, dict) else {"code": value}


class Question(Part):
    """A column that becomes rows."""

    code: Text = Field(description="What the rows carry in place of the column's name.")
    ignore: Texts = Field([], description="Values that are no answer: left out, and counted.")
    values: dict[Text, Text] = Field({}, description="Answer in the file: answer in the feed.")


Questions = dict[str, Annotated[Question, BeforeValidator(_as_question)]]


class Unpivot(Part):
    """Columns that become rows: one row per column and filled cell."""

    columns: Questions | str = Field(description="Or the parameter that says them.")
    name: str = Field("question", description="Name by which expressions call the code.")
    value: str = Field("answer", description="Name by which expressions call the cell.")


class FeedMap(Part):
    """One feed, or a part of one, made of a file or a step."""

    from_: str = Field(alias="from", description="Which of `files` or `steps`.")
    where: str | None = Field(None, description="SQL: the rows to keep.")
    unpivot: Unpivot | None = None
    group_by: Texts = Field([], description="One row per value of these; the rest aggregates.")
    distinct: bool = Field(False, description="Equal rows once.")
    columns: dict[str, Sourced]


class Parameter(Part):
    """What a mapping asks of company.yml; `parameter('name')` in its expressions."""

    description: str = Field(description="What it is, for who must say it.")
    default: Text | dict[Text, Any] | None = Field(
        None, description="Where company.yml is silent; none: it must. {}: it is a map."
    )


class Untold(Part):
    """A column of a feed that the export cannot tell, and why."""

    feed: str
    column: str
    en: str = Field(description="Why, in English.")
    ja: str = Field(description="Why, in Japanese.")


class Mapping(Part):
    """A whole mapping file."""

    title: str = Field("", description="Name of the product whose exports these are.")
    description: str = ""
    parameters: dict[str, Parameter] = Field({}, description="What company.yml may or must say.")
    cannot_tell: list[Untold] = Field(
        [], description="What the exports lack, for which the feed's columns stay empty."
    )
    time_zone: TimeZone | None = Field(None, description="Zone of times without an offset.")
    dates: Texts = Field([], description="Formats (strptime) of dates and times, tried in turn.")
    together: bool = Field(
        False, description="The files of one folder are one delivery, read together."
    )
    files: dict[str, Files] = Field(min_length=1)
    steps: dict[str, str] = Field({}, description="Name: SELECT over files and earlier steps.")
    feeds: dict[str, Annotated[list[FeedMap], BeforeValidator(_listed)]] = Field(min_length=1)

    def entry_of(self, path: str) -> str | None:
        """Which of `files` a path below landing/<system>/ is."""
        return next((name for name, files in self.files.items() if files.matches(path)), None)

    @cached_property
    def inputs(self) -> dict[str, frozenset[str]]:
        """Per name of a file, a step or a feed: the files that it reads in the end."""
        read = {name: frozenset([name]) for name in self.files}
        for name, sql in self.steps.items():
            read[name] = frozenset().union(*(read[table] for table in tables_of(sql)))
        for name, parts in self.feeds.items():
            read[f"feed {name}"] = frozenset().union(*(read[part.from_] for part in parts))
        return read

    def _absent(self, what: str) -> frozenset[str]:
        """The kinds of files that may be absent, with this effect."""
        return frozenset(name for name, files in self.files.items() if files.if_absent == what)

    @property
    def spare(self) -> frozenset[str]:
        """The kinds of files that are taken for empty where they are absent."""
        return self._absent("empty")

    def feeds_of(self, entries: frozenset[str]) -> list[str]:
        """The feeds that files of these kinds yield."""
        inputs = {name: self.inputs[f"feed {name}"] for name in self.feeds}
        only_with = self._absent("leave_out")
        return [name for name, read in inputs.items() if (read & only_with or read) & entries]

    def parts_of(self, feed: str, entries: Collection[str]) -> list[FeedMap]:
        """The parts of a feed that files of these kinds yield."""
        held = self.spare | set(entries)
        return [part for part in self.feeds[feed] if self.inputs[part.from_] <= held]

    def lacking(self, feed: str, entries: Collection[str]) -> frozenset[str]:
        """The kinds of files that a feed needs beside these."""
        if self.together:
            return self.inputs[f"feed {feed}"] - set(entries) - self.spare
        return frozenset()

    @property
    def said(self) -> dict[str, str]:
        """Columns that company.yml names, and what it says of each."""
        maps = [p.default for p in self.parameters.values() if isinstance(p.default, dict)]
        return {
            name: str(word.get("code") if isinstance(word, dict) else word)
            for told in maps
            for name, word in told.items()
        }

    def unnamed(self, entry: str, columns: Sequence[str]) -> list[str]:
        """Columns of a file of which company.yml says nothing, where it is asked to name some."""
        files, known = self.files[entry], {*self.said, *self.said.values()}
        if not any(isinstance(p.default, dict) for p in self.parameters.values()):
            return []
        return [n for n in files.called(columns) if not (n in known or files.mentions(n))]

    def absent(self, columns: Sequence[str]) -> list[str]:
        """Columns that company.yml names and a file lacks, with all others of that meaning."""
        held = {word for name, word in self.said.items() if name in columns}
        return [name for name, word in self.said.items() if word not in held]

    @property
    def fingerprint(self) -> str:
        told = self.model_dump(mode="json", exclude={"title", "description", "cannot_tell"})
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def mapping_of(company: Company, system: str) -> Mapping | None:
    """The system's mapping, with what company.yml says for it; raises ConfigError as above."""
    path = company.mapping(system)
    return load_mapping(path, company.system(system).parameters) if path else None


def load_mapping(path: Path, given: Map[str, str | dict[str, Any]] | None = None) -> Mapping:
    """Read a mapping, its parameters as `given`, else by their defaults.

    Raises ConfigError naming file, line, key and what to do.
    """
    mapping = read_mapping(path)
    known, given = mapping.parameters, given or {}
    if strange := [name for name in given if name not in known]:
        raise ConfigError(f"{path}: company.yml: {unknown('parameter', strange[0], list(known))}")
    for name, parameter in known.items():
        if parameter.default is None and name not in given:
            raise ConfigError(
                f"{path}: say in company.yml, for its system, `parameters: {{{name}: …}}`:"
                f" {parameter.description}"
            )
        if name in given and isinstance(given[name], dict) != isinstance(parameter.default, dict):
            form = "`column: …` lines" if isinstance(parameter.default, dict) else "one value"
            raise ConfigError(f"{path}: company.yml: parameter `{name}` is {form}")
    told = {
        name: parameter.model_copy(update={"default": given.get(name, parameter.default)})
        for name, parameter in known.items()
    }
    maps = {name: p.default for name, p in told.items() if isinstance(p.default, dict)}
    return _filled_in(mapping.model_copy(update={"parameters": told}), maps, path)


def _filled_in(mapping: Mapping, maps: dict[str, dict[str, Any]], path: Path) -> Mapping:
    """A mapping in which parameters that hold maps stand as what they hold."""
    files = {
        name: part.model_copy(update={"rename": _renaming(maps[part.rename], part, path)})
        if isinstance(part.rename, str)
        else part
        for name, part in mapping.files.items()
    }
    feeds = {
        name: [_with_questions(part, maps, path) for part in parts]
        for name, parts in mapping.feeds.items()
    }
    return mapping.model_copy(update={"files": files, "feeds": feeds})


def _renaming(given: dict[str, Any], files: Files, path: Path) -> dict[str, str]:
    for name in given.values():
        if name not in files.optional:
            raise ConfigError(
                f"{path}: company.yml: {unknown('column', str(name), files.optional)}"
            )
    return given


def _with_questions(part: FeedMap, maps: dict[str, dict[str, Any]], path: Path) -> FeedMap:
    if part.unpivot is None or isinstance(part.unpivot.columns, dict):
        return part
    name = part.unpivot.columns
    try:
        columns = TypeAdapter(Questions).validate_python(maps[name])
    except ValidationError as error:
        (problem, *_) = error.errors()
        where = ".".join(map(str, (name, *problem["loc"])))
        raise ConfigError(f"{path}: company.yml: `{where}`: {problem['msg']}") from None
    unpivot = part.unpivot.model_copy(update={"columns": columns})
    return part.model_copy(update={"unpivot": unpivot})


def read_mapping(path: Path) -> Mapping:
    """Read a mapping whose parameters nobody has said yet; raises ConfigError as above."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(path, node)) if node else {}
        content = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path} line {mark.line + 1} column {mark.column + 1}" if mark else str(path)
        raise ConfigError(f"{place}: {getattr(error, 'problem', error)}") from None
    try:
        mapping = Mapping.model_validate(content or {})
    except ValidationError as error:
        problems = [(_plain(p["loc"], lines), _message(p)) for p in error.errors()]
    else:
        problems = list(_misfits(mapping, text))
    if problems:
        told = dict(reversed(problems))
        raise ConfigError(
            "\n".join(f"{path}{_line(lines, where)}: {told[where]}" for where in reversed(told))
        )
    return mapping


Where = tuple[str | int, ...]


def _lines(path: Path, node: yaml.Node, above: Where = ()) -> Iterator[tuple[Where, int]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*above, index), item.start_mark.line + 1
            yield from _lines(path, item, (*above, index))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(f"{path} line {line}: `{key.value}` stands there twice")
            seen.add(key.value)
            yield (*above, key.value), line
            yield from _lines(path, value, (*above, key.value))


def _plain(where: Where, lines: dict[Where, int]) -> Where:
    """A place as it stands in the file: without the index of a list that is none there."""
    place: Where = ()
    for part in where:
        if (*place, part) in lines or not isinstance(part, int):
            place = (*place, part)
    return place


def _line(lines: dict[Where, int], where: Where) -> str:
    for depth in range(len(where), 0, -1):
        if where[:depth] in lines:
            return f" line {lines[where[:depth]]}"
    return ""


def _message(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown("key", str(problem["loc"][-1]), _known_keys(problem["loc"]))
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"`{key}`: {message[:1].lower() + message[1:]}"


def _known_keys(where: Where) -> list[str]:
    """The keys of the part in which an unknown one was found."""
    part: type[Part] = Mapping
    if where[0] in ("parameters", "cannot_tell") and len(where) > 2:
        part = Parameter if where[0] == "parameters" else Untold
    elif where[0] == "files" and len(where) > 2:
        part = FillDown if "fill_down" in where[2:-1] else Files
    elif where[0] == "feeds" and len(where) > 3:
        inner = where[3:-1]
        part = FeedMap
        if inner[:1] == ("unpivot",):
            part = Question if "columns" in inner else Unpivot
        elif inner[:1] == ("columns",):
            part = Source
    return [field.alias or name for name, field in part.model_fields.items() if name != "source"]


def _misfits(mapping: Mapping, text: str) -> Iterator[tuple[Where, str]]:
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
