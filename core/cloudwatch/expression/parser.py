"""Metric math from text to tree.

Precedence, loosest first: OR, AND, comparisons, + -, * /, unary minus, ^ (which binds to the right). The documentation
(User Guide, Using metric math) lists the operators and leaves precedence to convention; this is the convention.
"""

from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.tokens import Kind, Token, tokenize
from core.cloudwatch.expression.tree import Call, Expression, Negation, Number, Operation, Reference, Word

SUPPORTED = ("FILL", "IF")

# User Guide, Using metric math: every function and function-like word.
DOCUMENTED = frozenset(
    {
        "ABS",
        "ANOMALY_DETECTION_BAND",
        "AVG",
        "CEIL",
        "DATAPOINT_COUNT",
        "DATE",
        "DAY",
        "DB_PERF_INSIGHTS",
        "DIFF",
        "DIFF_TIME",
        "EPOCH",
        "FILL",
        "FIRST",
        "FLOOR",
        "HOUR",
        "IF",
        "INSIGHT_RULE_METRIC",
        "LAMBDA",
        "LAST",
        "LOG",
        "LOG10",
        "MAX",
        "METRICS",
        "METRIC_COUNT",
        "MIN",
        "MINUTE",
        "MONTH",
        "PERIOD",
        "RATE",
        "REMOVE_EMPTY",
        "RUNNING_SUM",
        "SEARCH",
        "SELECT",
        "SERVICE_QUOTA",
        "SLICE",
        "SORT",
        "STDDEV",
        "SUM",
        "TIME_SERIES",
        "YEAR",
    }
)

_LEVELS = (("OR",), ("AND",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
_ARGUMENTS = {"FILL": (2, 2), "IF": (2, 3)}
_FILL_WORDS = ("REPEAT", "LINEAR")
_MAX_DEPTH = 100


def parse(text: str) -> Expression:
    """The tree of `text`. Raises ExpressionError, whose message names the position."""
    parser = _Parser(tokenize(text))
    expression = parser.level(0)
    parser.expect(Kind.END, "")
    return expression


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
        raise self._unexpected(f"expected {text!r}" if text else "expected an operator or the end")

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        got = "the expression ends" if token.kind is Kind.END else f"unexpected {token.text!r}"
        return ExpressionError(f"{got} at position {token.position}; {wanted}", token.position)

    def level(self, number: int) -> Expression:
        if number == len(_LEVELS):
            return self._unary()
        left = self.level(number + 1)
        while self._is(*_LEVELS[number]):
            operator = self._take().text
            left = Operation(operator, left, self.level(number + 1))
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
        self._take()
        self._deeper()
        exponent = self._unary()
        self._depth -= 1
        return Operation("^", operand, exponent)

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
            raise ExpressionError(f"arrays are not supported yet at position {token.position}", token.position)
        raise self._unexpected("expected a number, an id or a function")

    def _name(self, token: Token) -> Expression:
        if self._is("(") or token.text in DOCUMENTED:
            return self._call(token)
        if not token.text[0].islower():
            raise ExpressionError(
                f"{token.text} at position {token.position} is no id: an id starts with a lower-case letter",
                token.position,
            )
        return Reference(token.text, token.position)

    def _call(self, token: Token) -> Expression:
        supported = ", ".join(SUPPORTED)
        if token.text not in DOCUMENTED:
            raise ExpressionError(
                f"unknown function {token.text} at position {token.position}; supported: {supported}",
                token.position,
            )
        if token.text not in SUPPORTED:
            raise ExpressionError(
                f"{token.text} is not supported yet at position {token.position}; supported: {supported}",
                token.position,
            )
        self._deeper()
        self.expect(Kind.OPERATOR, "(")
        arguments = [self._argument(token.text, 0)]
        while self._is(","):
            self._take()
            arguments.append(self._argument(token.text, len(arguments)))
        self.expect(Kind.OPERATOR, ")")
        self._depth -= 1
        least, most = _ARGUMENTS[token.text]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} or {most}"
            raise ExpressionError(
                f"{token.text} at position {token.position} takes {wanted} arguments, not {len(arguments)}",
                token.position,
            )
        return Call(token.text, tuple(arguments), token.position)

    def _argument(self, function: str, number: int) -> Expression:
        if function == "FILL" and number == 1 and self._token.kind is Kind.NAME and self._token.text in _FILL_WORDS:
            return Word(self._take().text)
        return self.level(0)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(
                f"more than {_MAX_DEPTH} levels of nesting at position {self._token.position}",
                self._token.position,
            )
