"""Metric math: parse an expression once, check its types once, evaluate it over series that share a grid of periods.

User Guide, Using math expressions with CloudWatch metrics. The steps, each pure:

- `parse(text)` gives the tree; `expand(tree, periods)` writes METRICS() and PERIOD() out, which are known before any
  datapoint is; `check(tree, types)` gives the type of the result, and refuses what AWS would.
- `evaluate(tree, values, given)` computes. `values` has what each id stands for: a number, a tuple of datapoints
  (oldest first, None where there is none) or an `Array` of them.
- `Given` is what an expression may rest on besides values: `grid` (start, period and number of the datapoints),
  `bands`, `quota`, `search`, `source` and the `origins` that arrays take their labels from. Each is optional.

Anomaly bands: `bands_of(tree)` names the bands that a tree needs, each by a `key`: the id of the metric, or the
rendered text of the expression, that it is the band of. The caller gives `Given.bands: Mapping[str, Band]` by that key;
a `Band(expected, deviation)` has one value per period, and `ANOMALY_DETECTION_BAND(m1, n)` is the array of two series
`expected - n * deviation` (FIRST) and `expected + n * deviation` (LAST). A key without a band is a band without
datapoints: the model is not trained yet.
"""

from core.cloudwatch.expression.errors import ExpressionError
from core.cloudwatch.expression.evaluation import evaluate
from core.cloudwatch.expression.parser import SUPPORTED, parse, source_call
from core.cloudwatch.expression.signatures import Type, check
from core.cloudwatch.expression.sources import SOURCES
from core.cloudwatch.expression.tree import (
    BandNeed,
    Call,
    Expression,
    Search,
    bands_of,
    expand,
    references,
    render,
    searches,
    sources_of,
)
from core.cloudwatch.expression.values import NOTHING, Array, Band, Given, Grid, Member, Origin, Series, Value

__all__ = [
    "NOTHING",
    "SOURCES",
    "SUPPORTED",
    "Array",
    "Band",
    "BandNeed",
    "Call",
    "Expression",
    "ExpressionError",
    "Given",
    "Grid",
    "Member",
    "Origin",
    "Search",
    "Series",
    "Type",
    "Value",
    "bands_of",
    "check",
    "evaluate",
    "expand",
    "parse",
    "references",
    "render",
    "searches",
    "source_call",
    "sources_of",
]
