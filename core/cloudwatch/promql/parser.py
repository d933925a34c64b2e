"""PromQL from text to tree.

The grammar is Prometheus 3's, with quoted metric and label names in braces, as CloudWatch takes it (User Guide,
PromQL querying). A bare name alone in braces is the metric's name, as the examples there have it.
"""

from dataclasses import replace

from core.cloudwatch.promql.errors import PromqlError, at
from core.cloudwatch.promql.functions import AGGREGATIONS, COMPARISONS, LEVELS
from core.cloudwatch.promql.selectors import SelectorParser
from core.cloudwatch.promql.tokens import Sort, tokenize
from core.cloudwatch.promql.tree import (
    Aggregation,
    Call,
    Expression,
    Matching,
    Negation,
    Number,
    Operation,
    Selector,
    Subquery,
    Text,
)
from core.cloudwatch.promql.types import check

_MAX_DEPTH = 100


def parse(text: str) -> Expression:
    """The tree of `text`, its types checked. Raises PromqlError, whose message names the position."""
    parser = _Parser(tokenize(text))
    if parser.at_end():
        raise PromqlError("the query is empty", 0)
    expression = parser.level(0)
    if not parser.at_end():
        raise parser.unexpected("expected an operator or the end")
    check(expression)
    return expression


class _Parser(SelectorParser):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._depth = 0

    def level(self, number: int) -> Expression:
        if number == len(LEVELS):
            return self._unary()
        left = self.level(number + 1)
        while self._is_operator(LEVELS[number]):
            left = self._operation(left, number)
        return left

    def _is_operator(self, operators: tuple[str, ...]) -> bool:
        token = self.token
        return token.sort in (Sort.SIGN, Sort.NAME) and token.text.lower() in operators

    def _operation(self, left: Expression, number: int) -> Operation:
        token = self.take()
        gives_bool, matching = self._modifiers(token.text.lower() in COMPARISONS)
        right = self.level(number + 1)
        return Operation(token.text.lower(), left, right, gives_bool, matching, token.position)

    def _modifiers(self, compares: bool) -> tuple[bool, Matching]:
        gives_bool = False
        if self.is_word("bool"):
            if not compares:
                raise at(self.token.position, "bool belongs to comparison operators only, unexpected 'bool'")
            self.take()
            gives_bool = True
        matching = Matching()
        if self.is_word("on", "ignoring"):
            on = self.take().text.lower() == "on"
            matching = Matching(on=on, labels=self.labels())
            if self.is_word("group_left", "group_right"):
                group = self.take().text.lower()
                matching = replace(matching, group=group, include=self.labels() if self.is_sign("(") else ())
        return gives_bool, matching

    def _unary(self) -> Expression:
        if not self.is_sign("-", "+"):
            return self._power()
        token = self.take()
        self._deeper()
        operand = self._unary()
        self._depth -= 1
        return Negation(operand, token.position) if token.text == "-" else operand

    def _power(self) -> Expression:
        operand = self._postfixed(self._primary())
        if not self.is_sign("^"):
            return operand
        token = self.take()
        gives_bool, matching = self._modifiers(False)
        self._deeper()
        exponent = self._unary() if self.is_sign("-", "+") else self._power()
        self._depth -= 1
        return Operation("^", operand, exponent, gives_bool, matching, token.position)

    def _primary(self) -> Expression:
        token = self.token
        if token.sort is Sort.NUMBER:
            return Number(_value(self.take().text), token.position)
        if token.sort is Sort.TEXT:
            return Text(self.take().text, token.position)
        if self.is_sign("("):
            self._deeper()
            self.take()
            inner = self.level(0)
            self.sign(")")
            self._depth -= 1
            return inner
        if self.is_sign("{"):
            return self.selector("", token.position)
        if token.sort is Sort.NAME:
            return self._named()
        raise self.unexpected("expected a number, a selector, a function or an aggregation")

    def _named(self) -> Expression:
        token = self.take()
        word = token.text.lower()
        if word in AGGREGATIONS and (self.is_sign("(") or self.is_word("by", "without")):
            return self._aggregation(word, token.position)
        if self.is_sign("("):
            return self._call(token.text, token.position)
        if word in ("inf", "nan"):
            return Number(float(word), token.position)
        return self.selector(token.text, token.position)

    def _call(self, function: str, position: int) -> Call:
        return Call(function, self._arguments(), position)

    def _arguments(self) -> tuple[Expression, ...]:
        self._deeper()
        self.sign("(")
        found: list[Expression] = []
        while not self.is_sign(")"):
            found.append(self.level(0))
            if not self.is_sign(")"):
                self.sign(",")
                if self.is_sign(")"):
                    raise self.unexpected("expected another argument")
        self.sign(")")
        self._depth -= 1
        return tuple(found)

    def _aggregation(self, operator: str, position: int) -> Aggregation:
        clause = self._clause()
        arguments = self._arguments()
        if clause is None:
            clause = self._clause() or (False, ())
        wanted = 1 if AGGREGATIONS[operator] is None else 2
        if len(arguments) != wanted:
            raise at(position, f"{operator} takes {wanted} argument{'s' if wanted > 1 else ''}, not {len(arguments)},")
        return Aggregation(operator, arguments[-1], arguments[0] if wanted == 2 else None, *clause, position)

    def _clause(self) -> tuple[bool, tuple[str, ...]] | None:
        if not self.is_word("by", "without"):
            return None
        without = self.take().text.lower() == "without"
        return without, self.labels()

    def _postfixed(self, operand: Expression) -> Expression:
        while self.is_sign("["):
            position = self.token.position
            range_ms, is_subquery, step_ms = self.bracket()
            if is_subquery:
                operand = self.moved(Subquery(operand, range_ms, step_ms, position=position))
            elif isinstance(operand, Selector) and operand.range_ms is None:
                if operand.offset_ms or operand.pinned:
                    raise at(position, "offset and @ stand after the range, not before it: unexpected '['")
                operand = self.moved(replace(operand, range_ms=range_ms))
            else:
                raise at(position, "only an instant vector selector takes a range: unexpected '['")
        if self.is_word("offset") or self.is_sign("@"):
            raise at(self.token.position, "only a selector or a subquery takes offset and @: unexpected modifier")
        return operand

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise at(self.token.position, f"more than {_MAX_DEPTH} levels of nesting")


def _value(text: str) -> float:
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text.replace("_", ""))
