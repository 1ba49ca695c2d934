"""The language of mappings: what a mapping file may say, and what each word of it means."""

import json
from collections.abc import Collection, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestration.company import Text, TimeZone
from orchestration.ingest.expressions import tables_of
from orchestration.ingest.reading import Layout

KINDS = ("column", "sql", "constant", "hash")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Texts = Annotated[list[Text], BeforeValidator(_listed)]


Encoding = Literal["utf-8", "utf-16", "cp932", "euc-jp"]
# What changes nothing in how a file is read.
FOR_PEOPLE = {
    "title": True,
    "description": True,
    "cannot_tell": True,
    "files": {"__all__": {"obtain"}},
}


class Part(BaseModel):
    """A part of a mapping; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FillDown(Part):
    """Columns whose blank cells take the value above them."""

    columns: Texts = Field(description="The columns to fill.")
    within: Texts = Field([], description="Only from rows that have the same values in these.")


class InWords(Part):
    """A text for people, in both languages."""

    en: str
    ja: str


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
    obtain: InWords | None = Field(None, description="What to click to get the export.")
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
    distinct: bool = Field(
        False, description="Equal rows of a file once, where it repeats none by itself."
    )
    fill_down: FillDown | None = None
    where: str | None = Field(None, description="SQL: the rows to keep.")
    in_folder: bool = Field(
        False, description="The name of its folder tells of it: `kizuna add` keeps it."
    )
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
            tuple(tuple(self.spellings(name)) for name in self.recognised_by if found),
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


class Untold(InWords):
    """A column of a feed that the export cannot tell, and why."""

    feed: str
    column: str


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
        told = self.model_dump(mode="json", exclude=FOR_PEOPLE)
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
