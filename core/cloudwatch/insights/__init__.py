"""Metrics Insights: parse a query once, evaluate it over the series of a store.

User Guide, Query components and syntax in CloudWatch Metrics Insights.
"""

from core.cloudwatch.insights.errors import InsightsError
from core.cloudwatch.insights.parser import is_query, parse
from core.cloudwatch.insights.selection import Candidate, Group, Result, choose, matching
from core.cloudwatch.insights.tree import Filter, Function, Kind, Label, Order, Select, render

__all__ = [
    "Candidate",
    "Filter",
    "Function",
    "Group",
    "InsightsError",
    "Kind",
    "Label",
    "Order",
    "Result",
    "Select",
    "choose",
    "is_query",
    "matching",
    "parse",
    "render",
]
