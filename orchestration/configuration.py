"""Configuration files: YAML with the line of each key, and errors that name file, line and key."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is there
Where = tuple[str | int, ...]  # the keys and indexes that lead to a place


class ConfigError(Exception):
    """Something is wrong in a file that a person wrote; the message says where."""


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """A file's content, and the line on which each key and each entry of a list stands."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=LOADER)
        lines = dict(_lines(path, node)) if node else {}
        content = yaml.load(text, Loader=LOADER)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path} line {mark.line + 1} column {mark.column + 1}" if mark else str(path)
        raise ConfigError(f"{place}: {getattr(error, 'problem', error)}") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{path} line 1: expected `key: value` lines")
    return content or {}, lines


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


def at(path: Path, lines: Mapping[Where, int], where: Where) -> str:
    """`file line n: `, of the deepest key of `where` that stands in the file."""
    for depth in range(len(where), 0, -1):
        if where[:depth] in lines:
            return f"{path} line {lines[where[:depth]]}: "
    return f"{path}: "


def unknown(kind: str, name: str, known: list[str]) -> str:
    """`unknown <kind> …`, with the nearest right name."""
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(sorted(known))}"
    return f"unknown {kind} `{name}`; {hint}"
