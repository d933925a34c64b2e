"""Metric math: parse an expression once, evaluate it over series that share a grid of periods.

Now: numbers, references, + - * / ^, comparisons, AND OR (&& ||), FILL and IF. Any other function of CloudWatch's is
refused by name, with its position.
"""

from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.parser import SUPPORTED, parse
from core.cloudwatch.expression.tree import Expression, references, render
from core.cloudwatch.expression.values import Series, Value, evaluate

__all__ = [
    "SUPPORTED",
    "Expression",
    "ExpressionError",
    "Series",
    "Value",
    "evaluate",
    "parse",
    "references",
    "render",
]
