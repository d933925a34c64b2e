"""Metrics Insights from text to a query.

Keywords are not case sensitive, names are. What the documentation does not list (OR, NOT, IN, LIKE, brackets in WHERE,
percentiles) is refused by name.
"""

import re

from core.cloudwatch.insights.errors import InsightsError
from core.cloudwatch.insights.reserved import RESERVED
from core.cloudwatch.insights.tokens import Sort, Token, tokenize
from core.cloudwatch.insights.tree import ACCOUNT, CURRENT_ACCOUNT, Filter, Function, Kind, Label, Order, Select
from core.cloudwatch.limits import MAX_DIMENSIONS, MAX_SERIES

_SELECT = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_CLAUSES = ("WHERE", "GROUP", "ORDER", "LIMIT")
_QUOTING = "put it in double quotation marks"


def is_query(text: str) -> bool:
    """Whether an expression is a Metrics Insights query rather than metric math."""
    return _SELECT.match(text) is not None


def parse(text: str) -> Select:
    """The query that `text` states. Raises InsightsError, whose message names the position."""
    return _Parser(tokenize(text)).query()


class _Parser:
    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Select:
        self._keyword("SELECT")
        function = self._function("SELECT")
        self._sign("(")
        metric = self._name("a metric name")
        self._sign(")")
        self._keyword("FROM")
        namespace, dimensions = self._source()
        filters = self._filters() if self._takes("WHERE") else ()
        groups = self._groups() if self._takes("GROUP") else ()
        order = self._order() if self._takes("ORDER") else None
        limit = self._limit() if self._takes("LIMIT") else None
        if self._is(";"):
            self._take()
        if self._token.sort is not Sort.END:
            raise self._after_the_end()
        return Select(function, metric, namespace, dimensions, filters, groups, order, limit)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _is(self, sign: str) -> bool:
        return self._token.sort is Sort.SIGN and self._token.text == sign

    def _is_word(self, *words: str) -> bool:
        return self._token.sort is Sort.WORD and self._token.text.upper() in words

    def _takes(self, word: str) -> bool:
        if not self._is_word(word):
            return False
        self._take()
        return True

    def _keyword(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(f"expected {word}")

    def _sign(self, sign: str) -> None:
        if not self._is(sign):
            raise self._unexpected(f"expected {sign!r}")
        self._take()

    def _unexpected(self, wanted: str) -> InsightsError:
        token = self._token
        got = "the query ends" if token.sort is Sort.END else f"unexpected {token.text!r}"
        return InsightsError(f"{got} at position {token.position}; {wanted}", token.position)

    def _after_the_end(self) -> InsightsError:
        known = ", ".join((*_CLAUSES, "in this order"))
        if self._is_word("OR", "NOT", "IN", "LIKE", "BETWEEN"):
            return self._unexpected("WHERE takes =, != and AND only")
        if self._is_word(*_CLAUSES, "FROM", "SELECT"):
            return self._unexpected(f"the clauses are SELECT, FROM, {known}, each at most once")
        return self._unexpected(f"expected one of {known}, or the end")

    def _function(self, clause: str) -> Function:
        token = self._token
        if token.sort is Sort.WORD and token.text.upper() in tuple(Function):
            return Function(self._take().text.upper())
        raise self._unexpected(f"{clause} takes one of {', '.join(Function)}")

    def _name(self, what: str) -> str:
        token = self._token
        if token.sort is Sort.QUOTED and token.text:
            return self._take().text
        if token.sort is Sort.VALUE:
            raise self._unexpected(f"expected {what}, which takes double quotation marks, not single ones")
        if token.sort is not Sort.WORD:
            raise self._unexpected(f"expected {what}")
        if token.text.upper() in RESERVED:
            raise InsightsError(
                f"{token.text} at position {token.position} is a reserved keyword; {_QUOTING} to use it as {what}",
                token.position,
            )
        return self._take().text

    def _source(self) -> tuple[str, tuple[str, ...] | None]:
        if not self._takes("SCHEMA"):
            return self._name("a namespace"), None
        self._sign("(")
        namespace = self._name("a namespace")
        dimensions: list[str] = []
        while self._is(","):
            self._take()
            at = self._token.position
            name = self._name("a dimension's name")
            if name in dimensions:
                raise InsightsError(f"SCHEMA names {name} a second time at position {at}", at)
            dimensions.append(name)
            if len(dimensions) > MAX_DIMENSIONS:
                raise InsightsError(f"SCHEMA names more than {MAX_DIMENSIONS} dimensions at position {at}", at)
        self._sign(")")
        return namespace, tuple(dimensions)

    def _label(self) -> Label:
        token = self._token
        if token.sort is Sort.WORD and self._tokens[self._at + 1].text == "." and self._ahead_is_sign():
            prefix = self._take()
            self._take()
            if prefix.text == "tag":
                token = self._take_any("a tag's key")
                return Label(Kind.TAG, token.text, prefix.position)
            if prefix.text == "AWS" and self._token.text == "AccountId":
                self._take()
                return Label(Kind.ACCOUNT, ACCOUNT, prefix.position)
            raise InsightsError(
                f"{prefix.text}.{self._token.text} at position {prefix.position} is no label key; with a dot there are "
                f"{ACCOUNT} and tag.KEY, and any other such name needs double quotation marks",
                prefix.position,
            )
        return Label(Kind.DIMENSION, self._name("a label key"), token.position)

    def _ahead_is_sign(self) -> bool:
        return self._tokens[self._at + 1].sort is Sort.SIGN

    def _take_any(self, what: str) -> Token:
        if self._token.sort not in (Sort.WORD, Sort.QUOTED) or not self._token.text:
            raise self._unexpected(f"expected {what}")
        return self._take()

    def _filters(self) -> tuple[Filter, ...]:
        found = [self._filter()]
        while self._takes("AND"):
            found.append(self._filter())
        return tuple(found)

    def _filter(self) -> Filter:
        if self._is("("):
            raise self._unexpected("WHERE takes no brackets: conditions are joined by AND only")
        if self._is_word("NOT"):
            raise self._unexpected("WHERE takes =, != and AND only")
        label = self._label()
        if not (self._is("=") or self._is("!=")):
            raise self._unexpected("WHERE takes the operators = and != only")
        return Filter(label, self._take().text == "=", self._value(label))

    def _value(self, label: Label) -> str | None:
        token = self._token
        if token.sort is Sort.VALUE:
            return self._take().text
        if label.kind is Kind.ACCOUNT and token.sort is Sort.WORD:
            if token.text.isdigit():
                return self._take().text
            if token.text.upper() == CURRENT_ACCOUNT[:-2]:
                self._take()
                self._sign("(")
                self._sign(")")
                return None
        raise self._unexpected("expected a label's value in single quotation marks")

    def _groups(self) -> tuple[Label, ...]:
        self._keyword("BY")
        found = [self._label()]
        while self._is(","):
            self._take()
            at = self._token.position
            label = self._label()
            if label in found:
                raise InsightsError(f"GROUP BY names {label.text} a second time at position {at}", at)
            found.append(label)
        return tuple(found)

    def _order(self) -> Order:
        self._keyword("BY")
        function = self._function("ORDER BY")
        self._sign("(")
        if not self._is(")"):
            raise self._unexpected(f"ORDER BY takes {function}() without a metric name")
        self._take()
        if self._takes("DESC"):
            return Order(function, descending=True)
        self._takes("ASC")
        return Order(function)

    def _limit(self) -> int:
        token = self._token
        if token.sort is not Sort.WORD or not token.text.isdigit() or not 1 <= int(token.text) <= MAX_SERIES:
            raise self._unexpected(f"LIMIT takes a number from 1 to {MAX_SERIES}")
        return int(self._take().text)
