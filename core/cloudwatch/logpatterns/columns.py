"""Space-delimited patterns: `[ip, user, ..., status = 5* && status != 501, bytes > 1000]`."""

import re
from collections.abc import Callable
from typing import Any

from core.cloudwatch.logpatterns.tokens import Kind, PatternError, Reader, Test, comparison, joined

_COLUMN = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
ELLIPSIS = "..."

Matched = Callable[[str], Any]


def parse(pattern: str) -> Callable[[str], Matched | None]:
    """A pattern in brackets. Raises PatternError."""
    names, tests = _columns(pattern)

    def match(message: str) -> Matched | None:
        texts = [next(part for part in found.groups() if part is not None) for found in _COLUMN.finditer(message)]
        fields = _named(names, texts)
        if fields is None or not all(test(fields) for test in tests):
            return None
        return lambda reference: fields.get(reference.removeprefix("$"))

    return match


def _columns(pattern: str) -> tuple[list[str], list[Test]]:
    reader = Reader(pattern)
    reader.expect("[")
    names: list[str] = []
    tests: list[Test] = []
    while True:
        name = reader.now
        if name.text == ELLIPSIS:
            reader.take()
            if ELLIPSIS in names:
                raise PatternError(f"at {name.at + 1}: a pattern has one ... at most")
            names.append(ELLIPSIS)
        else:
            names.append(_name(reader))
            ahead = reader.now
            if ahead.kind is Kind.COMPARISON:
                reader._next -= 1
                tests.append(joined(reader, _condition))
        if reader.skip("]"):
            break
        reader.expect(",")
    if reader.now.text:
        raise reader.unexpected("the end")
    return names, tests


def _name(reader: Reader) -> str:
    token = reader.take()
    if token.kind is not Kind.WORD or re.fullmatch(r"\w+", token.text) is None:
        raise PatternError(f"at {token.at + 1}: expected a column's name, found {token.text!r}")
    return token.text


def _condition(reader: Reader) -> Test:
    name = _name(reader)
    test = comparison(reader)
    return lambda fields: name in fields and test(fields[name])


def _named(names: list[str], texts: list[str]) -> dict[str, str] | None:
    """Columns by name; None where there are more or fewer of them than names and no ellipsis takes up the rest."""
    if ELLIPSIS not in names:
        return dict(zip(names, texts, strict=True)) if len(names) == len(texts) else None
    at = names.index(ELLIPSIS)
    after = len(names) - at - 1
    if len(texts) < at + after:
        return None
    return dict(zip(names[:at], texts, strict=False)) | dict(
        zip(names[at + 1 :], texts[len(texts) - after :], strict=True)
    )
