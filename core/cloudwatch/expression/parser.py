"""Metric math from text to tree.

Precedence, loosest first: OR, AND, comparisons, + -, * /, unary minus, ^ (which binds to the right). The documentation
(User Guide, Using metric math) lists the operators and leaves precedence to convention; this is the convention.
"""

from core.cloudwatch import statistics
from core.cloudwatch.expression import search, sources
from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.signatures import FUNCTIONS
from core.cloudwatch.expression.tokens import Kind, Token, tokenize
from core.cloudwatch.expression.tree import (
    Call,
    Expression,
    Listing,
    Negation,
    Number,
    Operation,
    Reference,
    Search,
    Text,
    Word,
    render,
)
from core.cloudwatch.refusal import Refusal

SUPPORTED = (*sorted((*FUNCTIONS, "SEARCH", *sources.SOURCES)),)
"""Every function."""

_KNOWN = frozenset(SUPPORTED)
_LEVELS = (("OR",), ("AND",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
_WORDS = {
    ("FILL", 1): ("REPEAT", "LINEAR"),
    ("SORT", 1): ("AVG", "MIN", "MAX", "SUM"),
    ("SORT", 2): ("ASC", "DESC"),
}
_MAX_DEPTH = 100


def parse(text: str) -> Expression:
    """The tree of `text`. Raises ExpressionError, whose message names the position."""
    parser = _Parser(tokenize(text))
    expression = parser.level(0)
    parser.expect(Kind.END, "")
    return expression


def source_call(text: str) -> str:
    """The call of one of SOURCES that `text` is, as `render` writes it. Raises ExpressionError for anything else."""
    found = parse(text)
    if not isinstance(found, Call) or found.function not in sources.SOURCES:
        raise ExpressionError(f"a call of {', '.join(sources.SOURCES)} is needed at position 0", 0)
    return render(found)


class _Parser:
    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _is(self, *operators: str) -> bool:
        return self._token.kind is Kind.OPERATOR and self._token.text in operators

    def expect(self, kind: Kind, text: str) -> Token:
        if self._token.kind is kind and (not text or self._token.text == text):
            return self._tokens[self._at] if kind is Kind.END else self._take()
        wanted = {Kind.END: "an operator or the end", Kind.TEXT: "a string in quotes"}.get(kind, repr(text))
        raise self._unexpected(f"expected {wanted}")

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        got = "the expression ends" if token.kind is Kind.END else f"unexpected {token.text!r}"
        return ExpressionError(f"{got} at position {token.position}; {wanted}", token.position)

    def level(self, number: int) -> Expression:
        if number == len(_LEVELS):
            return self._unary()
        left = self.level(number + 1)
        while self._is(*_LEVELS[number]):
            operator = self._take()
            left = Operation(operator.text, left, self.level(number + 1), operator.position)
        return left

    def _unary(self) -> Expression:
        if self._is("-", "+"):
            self._deeper()
            negative = self._take().text == "-"
            operand = self._unary()
            self._depth -= 1
            return Negation(operand) if negative else operand
        return self._power()

    def _power(self) -> Expression:
        operand = self._primary()
        if not self._is("^"):
            return operand
        operator = self._take()
        self._deeper()
        exponent = self._unary()
        self._depth -= 1
        return Operation("^", operand, exponent, operator.position)

    def _primary(self) -> Expression:
        token = self._token
        if token.kind is Kind.NUMBER:
            return Number(float(self._take().text))
        if token.kind is Kind.NAME:
            return self._name(self._take())
        if self._is("("):
            self._deeper()
            self._take()
            inner = self.level(0)
            self.expect(Kind.OPERATOR, ")")
            self._depth -= 1
            return inner
        if self._is("["):
            self._deeper()
            self._take()
            items = self._items("", "]")
            self._depth -= 1
            return Listing(items, token.position)
        raise self._unexpected("expected a number, an id or a function")

    def _items(self, function: str, close: str) -> tuple[Expression, ...]:
        """What stands between brackets, with commas between; the opening one is taken."""
        items: list[Expression] = []
        if not self._is(close):
            items.append(self._item(function, 0))
            while self._is(","):
                self._take()
                items.append(self._item(function, len(items)))
        self.expect(Kind.OPERATOR, close)
        return tuple(items)

    def _name(self, token: Token) -> Expression:
        if self._is("(") or token.text in _KNOWN:
            return self._call(token)
        if not token.text[0].islower():
            raise ExpressionError(
                f"{token.text} at position {token.position} is no id: an id starts with a lower-case letter",
                token.position,
            )
        return Reference(token.text, token.position)

    def _call(self, token: Token) -> Expression:
        if token.text not in _KNOWN:
            upper = token.text.upper()
            hint = f"; {upper} is written in upper case" if upper in _KNOWN else f"; known: {', '.join(SUPPORTED)}"
            raise ExpressionError(f"unknown function {token.text} at position {token.position}{hint}", token.position)
        self._deeper()
        self.expect(Kind.OPERATOR, "(")
        if token.text == "SEARCH":
            found: Expression = self._search(token)
        else:
            found = self._source(token) if token.text in sources.SOURCES else self._function(token)
        self._depth -= 1
        return found

    def _function(self, token: Token) -> Call:
        arguments = self._items(token.text, ")")
        counts = sorted({len(wanted) for wanted, _ in FUNCTIONS[token.text]})
        if len(arguments) not in counts:
            wanted = " or ".join(str(count) for count in counts)
            plural = "argument" if counts == [1] else "arguments"
            raise ExpressionError(
                f"{token.text} at position {token.position} takes {wanted} {plural}, not {len(arguments)}",
                token.position,
            )
        return Call(token.text, arguments, token.position)

    def _source(self, token: Token) -> Call:
        arguments = self._literals(")")
        return sources.call(token.text, arguments, token.position)

    def _literals(self, close: str) -> list[sources.Argument]:
        """What stands between brackets where nothing is computed; the opening one is taken."""
        found: list[sources.Argument] = []
        while not self._is(close):
            if found:
                self.expect(Kind.OPERATOR, ",")
            position = self._token.position
            found.append((self._literal(nested=close == "]"), position))
        self.expect(Kind.OPERATOR, close)
        return found

    def _literal(self, *, nested: bool) -> Expression:
        if not nested and self._is("["):
            opening = self._take()
            return Listing(tuple(item for item, _ in self._literals("]")), opening.position)
        negative = self._is("-")
        if negative:
            self._take()
        value = sources.literal(self._token, negative=negative)
        if value is None:
            raise self._unexpected("expected a string in quotes, a number, true or false")
        self._take()
        return value

    def _search(self, token: Token) -> Search:
        text = self.expect(Kind.TEXT, "")
        self.expect(Kind.OPERATOR, ",")
        statistic = self.expect(Kind.TEXT, "")
        period = None
        if self._is(","):
            self._take()
            given = self._token
            if given.kind is not Kind.NUMBER or not float(given.text).is_integer():
                raise self._unexpected("expected a period in seconds")
            period = int(float(self._take().text))
        self.expect(Kind.OPERATOR, ")")
        try:
            statistics.reader(statistic.text)
        except Refusal as refusal:
            raise ExpressionError(
                f"{refusal.message} at position {statistic.position}", statistic.position
            ) from refusal
        pattern = search.parse(text.text, text.position + 1)
        return Search(text.text, pattern, statistic.text, period, token.position)

    def _item(self, function: str, number: int) -> Expression:
        token = self._token
        words = _WORDS.get((function, number), ())
        if token.kind is Kind.NAME and token.text in words and self._tokens[self._at + 1].text in (",", ")"):
            return Word(self._take().text)
        if function == "SORT" and words:
            raise self._unexpected(f"expected {' or '.join(words)}")
        if function == "METRICS" and token.kind is Kind.TEXT:
            return Text(self._take().text)
        return self.level(0)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(
                f"more than {_MAX_DEPTH} levels of nesting at position {self._token.position}",
                self._token.position,
            )
