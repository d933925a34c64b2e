"""The search language of SEARCH: a metric schema, terms, and which metrics they find.

User Guide, CloudWatch search expression syntax. A term matches a metric's namespace, name, dimension names or
dimension values, or only the property it names. In double quotes it matches the whole string. Without, it is cut into
tokens (at capitals, digits and signs), which must appear one after the other in the string: a word of one token in any
case, a word of several as it is written. A schema with dimensions finds metrics with exactly those.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.cloudwatch.datums import Dimensions
from core.cloudwatch.expression.errors import ExpressionError

MAX_SEARCH = 1_024
_ACCOUNT = ":aws.AccountId"


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to look for: in the property `field`, or anywhere where it is empty."""

    field: str
    text: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Not:
    """What the operand does not find."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class Both:
    """What both operands find."""

    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Either:
    """What one of the operands finds."""

    left: "Node"
    right: "Node"


Node = Term | Not | Both | Either


@dataclass(frozen=True, slots=True)
class Pattern:
    """A search. `namespace` is None without a schema; empty `dimensions` stand for any."""

    namespace: str | None
    dimensions: frozenset[str]
    term: Node | None

    def finds(self, namespace: str, name: str, dimensions: Dimensions) -> bool:
        """Whether the metric is one of those searched for."""
        if self.namespace is not None and self.namespace != namespace:
            return False
        if self.dimensions and self.dimensions != {key for key, _ in dimensions}:
            return False
        return self.term is None or _finds(self.term, namespace, name, dimensions)


def _finds(node: Node, namespace: str, name: str, dimensions: Dimensions) -> bool:
    match node:
        case Not(operand):
            return not _finds(operand, namespace, name, dimensions)
        case Both(left, right):
            return _finds(left, namespace, name, dimensions) and _finds(right, namespace, name, dimensions)
        case Either(left, right):
            return _finds(left, namespace, name, dimensions) or _finds(right, namespace, name, dimensions)
        case Term(field, text, exact):
            candidates = _candidates(field, namespace, name, dimensions)
            if exact:
                return text in candidates
            wanted = _wanted(text)
            return any(_appears(wanted, candidate) for candidate in candidates)


def _candidates(field: str, namespace: str, name: str, dimensions: Dimensions) -> tuple[str, ...]:
    match field:
        case "":
            return (namespace, name, *(part for pair in dimensions for part in pair))
        case "MetricName":
            return (name,)
        case "Namespace":
            return (namespace,)
        case _:
            return tuple(value for key, value in dimensions if key == field)


_WORD = re.compile(r"[A-Za-z0-9]+")
_TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def tokens(text: str) -> tuple[str, ...]:
    """The parts of a string: `SDBFailure` is `SDB` and `Failure`, `Project2-trial333` is cut into four."""
    return tuple(_TOKEN.findall(text))


def _wanted(text: str) -> tuple[tuple[str, bool], ...]:
    """The tokens of a term, each with whether its case matters."""
    found: list[tuple[str, bool]] = []
    for word in _WORD.findall(text):
        parts = tokens(word)
        found.extend((part, len(parts) > 1) for part in parts)
    return tuple(found)


def _appears(wanted: tuple[tuple[str, bool], ...], candidate: str) -> bool:
    if not wanted:
        return False
    parts = tokens(candidate)
    if "".join(token for token, _ in wanted).lower() == "".join(parts).lower():
        return True
    return any(
        all(
            part == token if by_case else part.lower() == token.lower()
            for part, (token, by_case) in zip(parts[start:], wanted, strict=False)
        )
        for start in range(len(parts) - len(wanted) + 1)
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    text: str
    at: int


_PIECE = re.compile(
    r"""\s*(?:(?P<exact>"(?:[^"\\]|\\.)*")|(?P<sign>[{}(),=])|(?P<word>[^\s{}(),="]+))""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str, at: int) -> Pattern:
    """The search that `text` states. Raises ExpressionError; `at` is the text's position in the whole expression."""
    if len(text) > MAX_SEARCH:
        raise ExpressionError(f"a search holds at most {MAX_SEARCH} characters, not {len(text)}, at position {at}", at)
    parser = _Parser(tuple(_pieces(text, at)))
    namespace, dimensions = parser.schema()
    term = None if parser.ended else parser.either("")
    if not parser.ended:
        raise parser.unexpected("expected a term")
    if namespace is None and term is None:
        raise ExpressionError(f"a search needs a metric schema, a term or both, at position {at}", at)
    return Pattern(namespace, dimensions, term)


def _pieces(text: str, at: int) -> Iterator[_Piece]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _PIECE.match(text, place)
        if match is None:
            raise ExpressionError(f"a double quote is not closed at position {at + place}", at + place)
        kind = match.lastgroup or ""
        word, start = match[kind], at + match.start(kind)
        if kind == "exact":
            word = _ESCAPED.sub(r"\1", word[1:-1])
        elif kind == "word" and word in ("AND", "OR", "NOT"):
            kind = "operator"
        yield _Piece(kind, word, start)
        place = match.end()
    yield _Piece("end", "", at + end)


class _Parser:
    def __init__(self, pieces: tuple[_Piece, ...]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    @property
    def ended(self) -> bool:
        return self._piece.kind == "end"

    @property
    def _piece(self) -> _Piece:
        return self._pieces[self._at]

    def _take(self) -> _Piece:
        self._at += 1
        return self._pieces[self._at - 1]

    def _takes(self, kind: str, text: str) -> bool:
        if (self._piece.kind, self._piece.text) != (kind, text):
            return False
        self._at += 1
        return True

    def unexpected(self, wanted: str) -> ExpressionError:
        piece = self._piece
        got = "the search ends" if self.ended else f"unexpected {piece.text!r}"
        return ExpressionError(f"{got} in the search at position {piece.at}; {wanted}", piece.at)

    def schema(self) -> tuple[str | None, frozenset[str]]:
        if not self._takes("sign", "{"):
            return None, frozenset()
        names = []
        while not self._takes("sign", "}"):
            if self._piece.kind not in ("word", "exact"):
                raise self.unexpected("expected a namespace, then dimension names, then '}'")
            names.append(self._take().text)
            self._takes("sign", ",")
        if not names:
            raise self.unexpected("expected a namespace in the metric schema before it")
        self._takes("sign", ",")
        return names[0], frozenset(names[1:])

    def either(self, field: str) -> Node:
        return self._chain("OR", Either, lambda: self._both(field))

    def _both(self, field: str) -> Node:
        left = self._negated(field)
        while self._takes("operator", "AND") or self._starts():
            left = Both(left, self._negated(field))
        return left

    def _starts(self) -> bool:
        piece = self._piece
        return piece.kind in ("word", "exact") or (piece.kind, piece.text) in (("sign", "("), ("operator", "NOT"))

    def _chain(self, word: str, node: Callable[[Node, Node], Node], inner: Callable[[], Node]) -> Node:
        left = inner()
        while self._takes("operator", word):
            left = node(left, inner())
        return left

    def _negated(self, field: str) -> Node:
        self._depth += 1
        if self._depth > 100:
            raise self.unexpected("more than 100 levels of nesting")
        try:
            if self._takes("operator", "NOT"):
                return Not(self._negated(field))
            if self._takes("sign", "("):
                return self._group(field)
            return self._term(field)
        finally:
            self._depth -= 1

    def _group(self, field: str) -> Node:
        inner = self.either(field)
        if not self._takes("sign", ")"):
            raise self.unexpected("expected ')'")
        return inner

    def _term(self, field: str) -> Node:
        if self._piece.kind not in ("word", "exact"):
            raise self.unexpected("expected a term")
        piece = self._take()
        if field or not self._takes("sign", "="):
            return Term(field, piece.text, piece.kind == "exact")
        if piece.text == _ACCOUNT:
            raise ExpressionError(
                f"{_ACCOUNT} at position {piece.at} searches source accounts, of which there are none", piece.at
            )
        if self._takes("sign", "("):
            return self._group(piece.text)
        return self._term(piece.text)
