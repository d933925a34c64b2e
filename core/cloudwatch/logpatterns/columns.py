"""Space-delimited patterns: `[ip, user, ..., status = 5* && status != 501, bytes > 1000]`."""

import re
from collections.abc import Callable

from core.cloudwatch.logpatterns.tokens import Kind, Matched, PatternError, Reader, Test, comparison, joined

_COLUMN = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
ELLIPSIS = "..."


def parse(pattern: str) -> Callable[[str], Matched | None]:
    """A pattern in brackets. Raises PatternError."""
    names, tests = _columns(pattern)

    def match(message: str) -> Matched | None:
        texts = [next(part for part in found.groups() if part is not None) for found in _COLUMN.finditer(message)]
        fields = _named(names, texts)
        if fields is None or not all(test(fields) for test in tests):
            return None
        extracted = {f"${name}": text for name, text in fields.items()}
        return Matched(lambda reference: fields.get(reference.removeprefix("$")), extracted)

    return match


def _columns(pattern: str) -> tuple[list[str], list[Test]]:
    reader = Reader(pattern)
    reader.expect("[")
    names: list[str] = []
    tests: list[Test] = []
    while True:
        name = reader.now
        if name.text in (",", "]"):
            names.append("")
        elif name.text == ELLIPSIS:
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
    # Brackets without anything between them stand for any number of columns.
    return [ELLIPSIS] if names == [""] else names, tests


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
    """Columns by name, or by place (from 1) where they have none (API reference, TestMetricFilter: Examples).

    None where there are more or fewer of them than names and no ellipsis takes up the rest.
    """
    if ELLIPSIS in names:
        at = names.index(ELLIPSIS)
        names = [*names[:at], *[""] * (len(texts) - len(names) + 1), *names[at + 1 :]]
    if len(names) != len(texts):
        return None
    return {name or str(place): text for place, (name, text) in enumerate(zip(names, texts, strict=True), start=1)}
