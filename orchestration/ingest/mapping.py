"""Mappings: how a system's own exports become feeds, one YAML file per system, read and checked."""

from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestration.company import Company
from orchestration.configuration import ConfigError, Where, at, read_yaml, unknown
from orchestration.ingest.language import (
    FeedMap,
    Files,
    FillDown,
    InWords,
    Mapping,
    Parameter,
    Part,
    Question,
    Questions,
    Source,
    Unpivot,
    Untold,
)
from orchestration.ingest.misfits import misfits


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
    lacking = [name for name, p in known.items() if p.default is None and name not in given]
    if lacking:
        raise ConfigError(
            f"{path}: say in company.yml, for its system, under `parameters`, or to `kizuna add` by"
            " `--set NAME=VALUE`:"
            + "".join(f"\n- {name}: {known[name].description}" for name in lacking)
        )
    for name, parameter in known.items():
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
    content, lines = read_yaml(path)
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problems = [(_plain(p["loc"], lines), _message(p)) for p in error.errors()]
    else:
        problems = list(misfits(mapping, path.read_text(encoding="utf-8-sig")))
    if problems:
        told = dict(reversed(problems))
        raise ConfigError(
            "\n".join(at(path, lines, where) + told[where] for where in reversed(told))
        )
    return mapping


def _plain(where: Where, lines: dict[Where, int]) -> Where:
    """A place as it stands in the file: without the index of a list that is none there."""
    place: Where = ()
    for part in where:
        if (*place, part) in lines or not isinstance(part, int):
            place = (*place, part)
    return place


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
        inner = {"fill_down": FillDown, "obtain": InWords}
        part = next((inner[key] for key in where[2:-1] if key in inner), Files)
    elif where[0] == "feeds" and len(where) > 3:
        inner = where[3:-1]
        part = FeedMap
        if inner[:1] == ("unpivot",):
            part = Question if "columns" in inner else Unpivot
        elif inner[:1] == ("columns",):
            part = Source
    return [field.alias or name for name, field in part.model_fields.items() if name != "source"]
