"""Finds alarms that cannot fire, that fire always, or that nobody would hear of or could act on."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from core.catalogue import endpoint, metrics, reach
from core.catalogue.alarm import (
    Alarm,
    Comparison,
    CompositeAlarm,
    Delivery,
    MetricAlarm,
    MetricStat,
    MissingData,
    Query,
)
from core.catalogue.metric import Emitted
from core.cloudwatch import limits
from core.cloudwatch.expression import Expression, ExpressionError, Type, expand, parse, references, searches
from core.cloudwatch.expression.signatures import check as type_of
from core.cloudwatch.expression.tree import Operation

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_RULE_CHILD = re.compile(r'ALARM\("([^"]+)"\)')
_PERCENTILE = re.compile(r"p(100|\d{1,2}(\.\d+)?)")
_MINUTE = timedelta(minutes=1)


def check(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """One line a problem, each beginning with the alarm's name; empty when every alarm can fire and be heard."""
    alarms = tuple(alarms)
    return tuple(f"{alarm.name}: {problem}" for alarm in alarms for problem in _alarm(alarm)) + tuple(_together(alarms))


def _alarm(alarm: Alarm) -> Iterator[str]:
    if len(alarm.name) > limits.MAX_NAME:
        yield f"its name has {len(alarm.name)} characters; CloudWatch takes {limits.MAX_NAME}"
    if alarm.runbook != alarm.condition:
        yield f"its runbook is {alarm.runbook}; that of its condition, {alarm.condition}, would be right"
    if not alarm.name.endswith(f"-{alarm.condition}"):
        yield f"its name does not end in its condition, {alarm.condition}, which people look the runbook up by"
    if not alarm.owner:
        yield "it has no owner"
    if isinstance(alarm, CompositeAlarm):
        yield from _composite(alarm)
        return
    yield from _queries(alarm.queries)
    if any(query.stat for query in alarm.queries) and sum(query.returned for query in alarm.queries) == 1:
        yield from _evaluation(alarm)
        yield from _silence(alarm)
        yield from _threshold(alarm)


def _queries(queries: tuple[Query, ...]) -> Iterator[str]:
    if len(queries) > limits.MAX_ALARM_METRICS:
        yield f"it has {len(queries)} queries; an alarm takes {limits.MAX_ALARM_METRICS}"
    returned = [query.id for query in queries if query.returned]
    if len(returned) != 1:
        yield f"it returns {len(returned)} series ({', '.join(returned) or 'none'}); exactly one would be right"
    stats = [query.stat for query in queries if query.stat]
    if not stats:
        yield "it has no statistic, only expressions"
    if len({stat.period for stat in stats}) > 1:
        yield "its statistics have different periods; one for all would be right"
    ids = {query.id for query in queries}
    if len(ids) < len(queries):
        yield "two of its queries have the same id"
    for query in queries:
        if not _ID.fullmatch(query.id):
            yield f"query {query.id}: an id is a lower-case letter, then letters, digits and _"
        if (query.stat is None) == (not query.expression):
            yield f"query {query.id}: a statistic or an expression would be right, one of the two"
        elif query.stat:
            yield from (f"query {query.id}: {problem}" for problem in _stat(query.stat))
        else:
            yield from (f"query {query.id}: {problem}" for problem in _expression(query, queries, ids))


def _stat(stat: MetricStat) -> Iterator[str]:
    metric = stat.metric
    known = metrics.find(metric.namespace, metric.name)
    if known is None:
        yield f"{metric.namespace} {metric.name} is not in the catalogue"
        return
    names = frozenset(name for name, _ in stat.dimensions)
    if names not in known.dimension_sets or len(names) < len(stat.dimensions):
        legal = "; ".join(", ".join(sorted(dimensions)) for dimensions in known.dimension_sets)
        yield (
            f"{metric.name} has no series by {', '.join(sorted(names)) or 'no dimensions'}, "
            f"so it would never fire; it has by: {legal}"
        )
    yield from (f"dimension {name} has no value" for name, value in stat.dimensions if not value)
    if not legal_statistic(stat.statistic, known.statistics):
        yield f"{metric.name} has no {stat.statistic}; it has {', '.join(known.statistics)}"
    if stat.period < _MINUTE or stat.period % _MINUTE:
        seconds = f"{stat.period.total_seconds():g}"
        yield f"a period of {seconds} s finds no datapoints of {metric.name}; whole minutes would be right"


def legal_statistic(statistic: str, legal: tuple[str, ...]) -> bool:
    """Whether a metric with these statistics has this one; `p*` stands for every percentile."""
    return statistic in legal or ("p*" in legal and _PERCENTILE.fullmatch(statistic) is not None)


def _expression(query: Query, queries: tuple[Query, ...], ids: set[str]) -> Iterator[str]:
    if len(query.expression) > limits.MAX_EXPRESSION:
        yield f"its expression has {len(query.expression)} characters; the limit is {limits.MAX_EXPRESSION}"
    try:
        tree = _tree(query, queries)
    except ExpressionError as error:
        yield f"{query.expression}: {error}"
        return
    if searches(tree):
        yield f"{query.expression}: an alarm takes no SEARCH"
    mentioned = {reference.id for reference in references(tree)}
    if not mentioned:
        yield f"{query.expression}: a constant, which never changes state"
    for unknown in sorted(mentioned - ids):
        yield f"{query.expression}: no query has the id {unknown}"
    if query.id in mentioned:
        yield f"{query.expression}: refers to itself"


def _tree(query: Query, queries: tuple[Query, ...]) -> Expression:
    """The query's expression with METRICS() and PERIOD() written out. Raises ExpressionError."""
    periods = {other.id: int(other.stat.period.total_seconds()) for other in queries if other.stat}
    return expand(parse(query.expression), periods)


def _evaluation(alarm: MetricAlarm) -> Iterator[str]:
    if not 1 <= alarm.datapoints <= alarm.periods:
        yield f"{alarm.datapoints} datapoints of {alarm.periods} periods; from 1 to {alarm.periods} would be right"
    long = alarm.period >= timedelta(hours=1)
    most = limits.MAX_EVALUATED_LONG_PERIOD if long else limits.MAX_EVALUATED
    if alarm.periods * alarm.period > most:
        yield f"it looks back {alarm.periods * alarm.period}; CloudWatch evaluates at most {most}"


def _silence(alarm: MetricAlarm) -> Iterator[str]:
    """An idle minute of a metric that exists only on traffic must not read as a fault, nor silence as health."""
    stats = [query.stat for query in alarm.queries if query.stat]
    breaching = alarm.missing is MissingData.BREACHING
    low = alarm.comparison in (Comparison.LESS, Comparison.LESS_OR_EQUAL)
    if breaching and not low and any(stat.metric.emitted is not Emitted.ALWAYS for stat in stats):
        yield "missing data is breaching, and its metric is missing whenever it is idle: it would fire on idleness"
    if low and alarm.missing is MissingData.NOT_BREACHING:
        yield "missing data is not breaching, yet it looks for too little: it would sleep through silence"


def _threshold(alarm: MetricAlarm) -> Iterator[str]:
    if not math.isfinite(alarm.threshold):
        yield f"its threshold is {alarm.threshold}"
        return
    trees = _trees(alarm.queries)
    if trees is None:
        return  # said already
    unfit = _unfit(alarm.returned, alarm.queries, trees)
    if unfit:
        yield unfit
        return
    yield from _devices(alarm.returned, alarm.queries, trees)
    values = _reach(alarm.returned, alarm.queries, trees)
    breach = f"{alarm.comparison.value} {alarm.threshold:g}"
    if not reach.can_breach(values, alarm.comparison, alarm.threshold):
        yield f"{breach} is out of reach of values from {values}: it could never fire"
    elif not reach.can_hold(values, alarm.comparison, alarm.threshold):
        yield f"{breach} holds for all values from {values}: it would always fire"


def _trees(queries: tuple[Query, ...]) -> Mapping[str, Expression] | None:
    """The expressions by id, or None where one is wrong or they go in a circle."""
    try:
        trees = {query.id: _tree(query, queries) for query in queries if query.expression}
    except ExpressionError:
        return None
    done = {query.id for query in queries if query.stat}
    waiting = dict(trees)
    while waiting:
        ready = [id_ for id_, tree in waiting.items() if {ref.id for ref in references(tree)} <= done]
        if not ready:
            return None
        done.update(ready)
        for id_ in ready:
            del waiting[id_]
    return trees


def _unfit(returned: Query, queries: tuple[Query, ...], trees: Mapping[str, Expression]) -> str:
    """Why the returned query gives no single series, or nothing when it does."""

    def kind(query: Query) -> Type:
        if query.stat:
            return Type.SERIES
        return type_of(trees[query.id], {ref.id: kind(by_id[ref.id]) for ref in references(trees[query.id])})

    by_id = {query.id: query for query in queries}
    try:
        found = kind(returned)
    except ExpressionError as error:
        return f"{returned.expression}: {error}"
    return "" if found is Type.SERIES else f"{returned.expression}: it gives {found}; one time series would be right"


def _reach(query: Query, queries: tuple[Query, ...], trees: Mapping[str, Expression]) -> reach.Interval:
    if query.stat:
        return reach.of_stat(query.stat)
    by_id = {other.id: other for other in queries}
    needed = {reference.id for reference in references(trees[query.id])}
    return reach.of_expression(trees[query.id], {id_: _reach(by_id[id_], queries, trees) for id_ in needed})


def _devices(query: Query, queries: tuple[Query, ...], trees: Mapping[str, Expression]) -> Iterator[str]:
    """SageMaker sums utilisation over cores and GPUs: 90 on four GPUs is 22 percent of each."""
    for other in queries:
        if other.stat and other.stat.metric in endpoint.SUMMED_OVER_DEVICES:
            tree = trees.get(query.id)
            if not (isinstance(tree, Operation) and tree.operator == "/"):
                yield f"{other.stat.metric.name} is summed over cores or GPUs; divided by their number would be right"


def _composite(alarm: CompositeAlarm) -> Iterator[str]:
    if not alarm.children:
        yield "it has no children"
    if len(alarm.children) > limits.MAX_RULE_CHILDREN:
        yield f"it has {len(alarm.children)} children; a composite takes {limits.MAX_RULE_CHILDREN}"
    if len(alarm.rule) > limits.MAX_RULE:
        yield f"its rule has {len(alarm.rule)} characters; the limit is {limits.MAX_RULE}"
    if set(_RULE_CHILD.findall(alarm.rule)) != set(alarm.children):
        yield "its rule and its children do not name the same alarms"


def _together(alarms: tuple[Alarm, ...]) -> Iterator[str]:
    for name, times in Counter(alarm.name for alarm in alarms).items():
        if times > 1:
            yield f"{name}: {times} alarms have this name"
    seen: set[str] = set()
    watched: set[str] = set()
    for alarm in alarms:
        if isinstance(alarm, CompositeAlarm):
            watched.update(alarm.children)
            for child in alarm.children:
                if child not in seen:
                    yield f"{alarm.name}: its child {child} does not stand before it"
        seen.add(alarm.name)
    for alarm in alarms:
        if alarm.delivery is Delivery.CONTEXT and alarm.name not in watched:
            yield f"{alarm.name}: it is only context, and no composite has it as a child: nobody would hear of it"
