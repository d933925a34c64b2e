"""PromQL: parse a query once, evaluate it at an instant over a source of series.

The whole grammar of Prometheus 3 is parsed and its types are checked. What is evaluated is in functions.EVALUATED;
`first_later` names the first part of a query that is not.
"""

from core.cloudwatch.promql.errors import PromqlError
from core.cloudwatch.promql.evaluation import evaluate
from core.cloudwatch.promql.functions import EVALUATED, Type
from core.cloudwatch.promql.matching import selects
from core.cloudwatch.promql.parser import parse
from core.cloudwatch.promql.render import render
from core.cloudwatch.promql.samples import LOOKBACK_MS, Labels, Point, Sample, Series, Source, Vector, labelled
from core.cloudwatch.promql.tree import METRIC, Expression, Match, Matcher, Selector
from core.cloudwatch.promql.types import check, first_later

__all__ = [
    "EVALUATED",
    "LOOKBACK_MS",
    "METRIC",
    "Expression",
    "Labels",
    "Match",
    "Matcher",
    "Point",
    "PromqlError",
    "Sample",
    "Selector",
    "Series",
    "Source",
    "Type",
    "Vector",
    "check",
    "evaluate",
    "first_later",
    "labelled",
    "parse",
    "render",
    "selects",
]
