"""Splits a filter pattern into tokens, and reads conditions joined with && and || from them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PatternError(ValueError):
    """A pattern that CloudWatch Logs would refuse; says where and why."""


class Kind(StrEnum):
    """What a token is."""

    TEXT = "text"
    REGEX = "regex"
    SELECTOR = "selector"
    COMPARISON = "comparison"
    JOIN = "join"
    PUNCTUATION = "punctuation"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the offset where it begins."""

    kind: Kind
    text: str
    at: int


_TOKEN = re.compile(
    r"""\s*(?:
        "(?P<text>(?:[^"\\]|\\.)*)"
      | %(?P<regex>(?:[^%\\]|\\.)+)%
      | (?P<selector>\$(?:\.[^\s.\[\](){}=!<>&|,"]+|\.?\[(?:\d+|\*|'[^']*'|"[^"]*")\])*)
      | (?P<comparison>!=|<=|>=|=|<|>)
      | (?P<join>&&|\|\|)
      | (?P<punctuation>[(){}\[\],])
      | (?P<word>[^\s(){}\[\]=!<>&|,"]+)
    )""",
    re.VERBOSE,
)


def split(pattern: str) -> Iterator[Token]:
    """The tokens of a pattern. Raises PatternError."""
    at = 0
    while pattern[at:].strip():
        found = _TOKEN.match(pattern, at)
        if found is None or found.lastgroup is None:
            rest = len(pattern) - len(pattern[at:].lstrip())
            raise PatternError(f"at {rest + 1}: {pattern[rest : rest + 10]!r} is not expected")
        yield Token(Kind(found.lastgroup), found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()


@dataclass(frozen=True, slots=True)
class Matched:
    """A matched event: looks up what a reference (`$.path` in JSON, `$name` of a column) stands for, None for nothing.

    `extracted` is what TestMetricFilter shows of it, by reference.
    """

    find: Callable[[str], Any] = lambda _: None
    extracted: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, reference: str) -> Any:
        """What a reference stands for."""
        return self.find(reference)


class Reader:
    """The tokens of a pattern, one after the other."""

    def __init__(self, pattern: str) -> None:
        self._tokens = list(split(pattern))
        self._next = 0
        self._end = len(pattern)

    def of(self, kind: Kind) -> tuple[str, ...]:
        """The texts of all tokens of a kind."""
        return tuple(token.text for token in self._tokens if token.kind is kind)

    @property
    def now(self) -> Token:
        """The token to be read next; an empty word at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else Token(Kind.WORD, "", self._end)

    def take(self) -> Token:
        """Read a token."""
        token = self.now
        self._next += 1
        return token

    def skip(self, *texts: str) -> bool:
        """Read a token that is one of these unquoted texts, if it is."""
        token = self.now
        if token.kind in (Kind.TEXT, Kind.REGEX) or token.text not in texts or not token.text:
            return False
        self._next += 1
        return True

    def expect(self, text: str) -> None:
        """Read this token. Raises PatternError."""
        if not self.skip(text):
            raise self.unexpected(f"{text!r}")

    def unexpected(self, wanted: str) -> PatternError:
        """The error of a token where `wanted` should be."""
        found = repr(self.now.text) if self.now.text else "the end"
        return PatternError(f"at {self.now.at + 1}: expected {wanted}, found {found}")


Test = Callable[[Any], bool]
"""Whether an event, as its kind of pattern sees it, meets a condition."""


def joined(reader: Reader, condition: Callable[[Reader], Test]) -> Test:
    """Conditions joined with && and ||, && first, with parentheses."""
    tests = [_all(reader, condition)]
    while reader.skip("||"):
        tests.append(_all(reader, condition))
    return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)


def _all(reader: Reader, condition: Callable[[Reader], Test]) -> Test:
    tests = [_one(reader, condition)]
    while reader.skip("&&"):
        tests.append(_one(reader, condition))
    return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)


def _one(reader: Reader, condition: Callable[[Reader], Test]) -> Test:
    if not reader.skip("("):
        return condition(reader)
    inner = joined(reader, condition)
    reader.expect(")")
    return inner


def comparison(reader: Reader) -> Test:
    """An operator and what it compares with, as a test of one value: a text, number or boolean."""
    operator = reader.take()
    if operator.kind is not Kind.COMPARISON:
        reader._next -= 1
        raise reader.unexpected("one of = != < > <= >=")
    operand = reader.take()
    if operand.kind not in (Kind.TEXT, Kind.REGEX, Kind.WORD) or (operand.kind is Kind.WORD and not operand.text):
        reader._next -= 1
        raise reader.unexpected("a value")
    number = number_of(operand.text) if operand.kind is Kind.WORD else None
    if operator.text in ("=", "!="):
        equal = _equal(operand, number)
        return equal if operator.text == "=" else lambda value: not equal(value)
    if number is None:
        raise PatternError(f"at {operand.at + 1}: {operator.text} compares numbers, and {operand.text!r} is none")
    return _ordered(operator.text, number)


def _equal(operand: Token, number: float | None) -> Test:
    if operand.kind is Kind.REGEX:
        try:
            regex = re.compile(operand.text)
        except re.error as error:
            raise PatternError(f"at {operand.at + 1}: {operand.text!r} is not a regular expression: {error}") from None
        return lambda value: isinstance(value, str) and regex.search(value) is not None
    if number is not None:
        return lambda value: number_of(value) == number
    wildcard = re.compile(".*".join(re.escape(part) for part in unescaped(operand.text).split("*")), re.DOTALL)
    return lambda value: isinstance(value, str) and wildcard.fullmatch(value) is not None


def _ordered(operator: str, bound: float) -> Test:
    def test(value: Any) -> bool:
        number = number_of(value)
        if number is None:
            return False
        return {"<": number < bound, ">": number > bound, "<=": number <= bound, ">=": number >= bound}[operator]

    return test


def number_of(value: Any) -> float | None:
    """A number, or what a text says as a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def unescaped(text: str) -> str:
    """A quoted text without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text)
