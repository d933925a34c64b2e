"""Composite rules from text to values."""

import re

from core.cloudwatch.composite.errors import RuleError
from core.cloudwatch.composite.tree import And, AtLeast, Constant, InState, Not, Or, Rule, children, elements
from core.cloudwatch.limits import MAX_RULE, MAX_RULE_CHILDREN, MAX_RULE_ELEMENTS
from core.cloudwatch.state import State

_PLAIN = re.compile(r"[^\s(),\"]+")
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+")
_PERCENTAGE = re.compile(r'"(\d{1,3})%"')
_COUNT = re.compile(r"\d{1,4}")
_MAX_DEPTH = 100


def parse(text: str) -> Rule:
    """The rule that `text` states. Raises RuleError, whose message names the position."""
    if len(text) > MAX_RULE:
        raise RuleError(f"a rule holds at most {MAX_RULE} characters, not {len(text)}", MAX_RULE)
    parser = _Parser(text)
    rule = parser.disjunction()
    parser.finish()
    _check_size(rule)
    return rule


def _check_size(rule: Rule) -> None:
    if len(children(rule)) > MAX_RULE_CHILDREN:
        raise RuleError(f"a rule names at most {MAX_RULE_CHILDREN} alarms, not {len(children(rule))}", 0)
    if elements(rule) > MAX_RULE_ELEMENTS:
        raise RuleError(f"a rule holds at most {MAX_RULE_ELEMENTS} elements, not {elements(rule)}", 0)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._skip()

    def finish(self) -> None:
        if self._at < len(self._text):
            raise self._wrong("expected AND, OR or the end")

    def disjunction(self) -> Rule:
        operands = [self._conjunction()]
        while self._word("OR"):
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self) -> Rule:
        operands = [self._negation()]
        while self._word("AND"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _negation(self) -> Rule:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._wrong(f"more than {_MAX_DEPTH} levels of nesting")
        rule = Not(self._negation()) if self._word("NOT") else self._operand()
        self._depth -= 1
        return rule

    def _operand(self) -> Rule:
        if self._sign("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        match = _WORD.match(self._text, self._at)
        word = match[0] if match else ""
        # The API reference itself writes `false` in lower case.
        if word.upper() in ("TRUE", "FALSE"):
            self._word(word)
            return Constant(word.upper() == "TRUE")
        if word in State.__members__:
            self._word(word)
            self._expect("(")
            alarm = self._alarm()
            self._expect(")")
            return InState(State(word), alarm)
        if word == "AT_LEAST":
            self._word(word)
            return self._at_least()
        raise self._wrong("expected ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, TRUE, FALSE, NOT or (")

    def _at_least(self) -> Rule:
        self._expect("(")
        start = self._at
        percentage = self._match(_PERCENTAGE)
        count = None if percentage else self._match(_COUNT)
        if percentage is None and count is None:
            raise self._wrong('expected a number or a percentage such as "50%"')
        amount = int(percentage[1] if percentage else count[0] if count else 0)
        self._expect(",")
        negated = self._word("NOT")
        states = [state for state in State if self._word(state)]
        if not states:
            raise self._wrong("expected ALARM, OK or INSUFFICIENT_DATA")
        self._expect(",")
        self._expect("(")
        alarms = [self._alarm()]
        while self._sign(","):
            alarms.append(self._alarm())
        self._expect(")")
        self._expect(")")
        most = 100 if percentage else len(alarms)
        if not 1 <= amount <= most:
            raise RuleError(f"AT_LEAST takes 1 to {most} at position {start}, not {amount}", start)
        return AtLeast(amount, percentage is not None, negated, states[0], tuple(alarms))

    def _alarm(self) -> str:
        quoted = self._match(_QUOTED)
        if quoted is not None:
            if not quoted[1]:
                raise self._wrong("expected an alarm's name between the quotes")
            return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
        plain = self._match(_PLAIN)
        if plain is None:
            raise self._wrong("expected an alarm's name or ARN")
        return plain[0]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            self._skip()
        return match

    def _word(self, word: str) -> bool:
        match = _WORD.match(self._text, self._at)
        if match is None or match[0] != word:
            return False
        self._at = match.end()
        self._skip()
        return True

    def _sign(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += 1
        self._skip()
        return True

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._wrong(f"expected {sign}")

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _wrong(self, wanted: str) -> RuleError:
        rest = self._text[self._at : self._at + 20]
        got = f"unexpected {rest!r}" if rest else "the rule ends"
        return RuleError(f"{got} at position {self._at}; {wanted}", self._at)
