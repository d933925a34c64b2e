"""Composite alarm rules: parse, print, evaluate, and say which children decided.

API reference, PutCompositeAlarm, and User Guide, Create a composite alarm: `ALARM(x)`, `OK(x)`,
`INSUFFICIENT_DATA(x)`, `TRUE`, `FALSE`, `NOT`, `AND` (before `OR`), brackets, and
`AT_LEAST(M | "p%", [NOT] STATE, (x, y, ...))`. `x` is an alarm's name or ARN; in double quotes it may
hold spaces, brackets and commas, and `\\"` stands for a quote.
"""

from core.cloudwatch.composite.errors import RuleError
from core.cloudwatch.composite.parser import parse
from core.cloudwatch.composite.tree import (
    And,
    AtLeast,
    Constant,
    InState,
    Not,
    Or,
    Rule,
    alarm_name,
    children,
    deciding,
    evaluate,
    render,
)
from core.cloudwatch.state import State

__all__ = [
    "And",
    "AtLeast",
    "Constant",
    "InState",
    "Not",
    "Or",
    "Rule",
    "RuleError",
    "State",
    "alarm_name",
    "children",
    "deciding",
    "evaluate",
    "parse",
    "render",
]
