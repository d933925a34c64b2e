"""Composite rules as values: what they name, whether they hold, which children decided, and their text."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from core.cloudwatch.state import State


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class InState:
    """`ALARM(x)` and its like; `alarm` is a name or an ARN, as written."""

    state: State
    alarm: str


@dataclass(frozen=True, slots=True)
class Not:
    """NOT."""

    operand: "Rule"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more operands that must all hold."""

    operands: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more operands of which one must hold."""

    operands: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `threshold` of the alarms (or that percentage of them) are, or are not, in the state."""

    threshold: int
    is_percentage: bool
    negated: bool
    state: State
    alarms: tuple[str, ...]

    @property
    def needed(self) -> int:
        """How many alarms that is."""
        if self.is_percentage:
            return math.ceil(len(self.alarms) * self.threshold / 100)
        return self.threshold


Rule = Constant | InState | Not | And | Or | AtLeast


def alarm_name(alarm: str) -> str:
    """The name that a rule's argument stands for: the last part of an ARN, or the argument itself."""
    if alarm.startswith("arn:"):
        return alarm.split(":", 6)[-1]
    return alarm


def children(rule: Rule) -> tuple[str, ...]:
    """The names of the alarms that the rule mentions, each once, in order."""
    return tuple(dict.fromkeys(alarm_name(alarm) for alarm in _alarms(rule)))


def evaluate(rule: Rule, state_of: Callable[[str], State]) -> bool:
    """Whether the rule holds; `state_of` is asked by name."""
    match rule:
        case Constant(value):
            return value
        case InState(state, alarm):
            return state_of(alarm_name(alarm)) is state
        case Not(operand):
            return not evaluate(operand, state_of)
        case And(operands):
            return all(evaluate(operand, state_of) for operand in operands)
        case Or(operands):
            return any(evaluate(operand, state_of) for operand in operands)
        case AtLeast():
            return len(_matching(rule, state_of)) >= rule.needed


def deciding(rule: Rule, state_of: Callable[[str], State]) -> tuple[str, ...]:
    """The children without which the rule's present value could differ: those that CloudWatch calls triggering."""
    match rule:
        case Constant():
            return ()
        case InState(_, alarm):
            return (alarm_name(alarm),)
        case Not(operand):
            return deciding(operand, state_of)
        case And(operands) | Or(operands):
            value = evaluate(rule, state_of)
            agreeing = [operand for operand in operands if evaluate(operand, state_of) is value]
            return tuple(dict.fromkeys(name for operand in agreeing for name in deciding(operand, state_of)))
        case AtLeast(alarms=alarms):
            matching = _matching(rule, state_of)
            if len(matching) >= rule.needed:
                return matching
            return tuple(name for name in map(alarm_name, alarms) if name not in matching)


def render(rule: Rule) -> str:
    """Text that parses to the same rule."""
    match rule:
        case Constant(value):
            return "TRUE" if value else "FALSE"
        case InState(state, alarm):
            return f"{state}({_quote(alarm)})"
        case Not(operand):
            return f"NOT {_bracketed(operand, And, Or)}"
        case And(operands):
            return " AND ".join(_bracketed(operand, And, Or) for operand in operands)
        case Or(operands):
            return " OR ".join(_bracketed(operand, Or) for operand in operands)
        case AtLeast(threshold, is_percentage, negated, state, alarms):
            amount = f'"{threshold}%"' if is_percentage else str(threshold)
            names = ", ".join(_quote(alarm) for alarm in alarms)
            return f"AT_LEAST({amount}, {'NOT ' if negated else ''}{state}, ({names}))"


def elements(rule: Rule) -> int:
    """How much of the limit of elements the rule uses."""
    match rule:
        case Constant() | InState():
            return 1
        case AtLeast(alarms=alarms):
            return len(alarms)
        case Not(operand):
            return elements(operand)
        case And(operands) | Or(operands):
            return sum(elements(operand) for operand in operands)


def _alarms(rule: Rule) -> tuple[str, ...]:
    match rule:
        case Constant():
            return ()
        case InState(_, alarm):
            return (alarm,)
        case Not(operand):
            return _alarms(operand)
        case And(operands) | Or(operands):
            return tuple(alarm for operand in operands for alarm in _alarms(operand))
        case AtLeast(alarms=alarms):
            return alarms


def _matching(rule: AtLeast, state_of: Callable[[str], State]) -> tuple[str, ...]:
    return tuple(name for name in map(alarm_name, rule.alarms) if (state_of(name) is rule.state) is not rule.negated)


def _bracketed(rule: Rule, *loose: type[And] | type[Or]) -> str:
    return f"({render(rule)})" if isinstance(rule, loose) else render(rule)


def _quote(alarm: str) -> str:
    escaped = alarm.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
