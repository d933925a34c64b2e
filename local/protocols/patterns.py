"""Holds texts against the patterns of a service's model, which are written for Java, as AWS's front end does.

A pattern that Python cannot read (Java's character classes, such as `\\p{L}`) is left to the operation.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


def unmatched(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What AWS says of each text in `value` that does not match; types must have been checked."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                own = name[:1].lower() + name[1:]
                yield from unmatched(member, value[name], f"{path}.{own}" if path else own)
    elif isinstance(shape, ListShape):
        for number, each in enumerate(value, start=1):
            yield from unmatched(shape.member, each, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _of_map(shape, value, path)
    elif shape.type_name == "string" and not matches(shape, value):
        yield f"Value '{value!s:.1024}' at '{path}' failed to satisfy constraint: {_constraint(shape)}"


def matches(shape: Shape, value: str) -> bool:
    """Whether a text is wholly what the shape's pattern describes, where it has one that can be read."""
    pattern = _compiled(shape.metadata.get("pattern", ""))
    return pattern is None or pattern.fullmatch(value) is not None


def _of_map(shape: MapShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, each in value.items():
        if not matches(shape.key, key):
            yield (
                f"Value '{value!s:.1024}' at '{path}' failed to satisfy constraint: "
                f"Map keys must satisfy constraint: [{_constraint(shape.key)}]"
            )
        yield from unmatched(shape.value, each, f"{path}.{key}.member")


def _constraint(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None
