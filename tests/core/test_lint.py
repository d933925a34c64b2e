from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import alarms, endpoint, lint, platform, reach
from core.catalogue.alarm import (
    Comparison,
    CompositeAlarm,
    Delivery,
    MetricAlarm,
    MetricStat,
    MissingData,
    Query,
    Severity,
    Subject,
)
from core.catalogue.draft import MINUTE
from core.catalogue.metric import Display, Emitted, Metric
from core.catalogue.reach import Interval
from core.cloudwatch.expression import evaluate, parse
from tests.core.configurations import ENDPOINT, GPU_HOST, NAMES, configured, shipped

VARIANT = (("EndpointName", "ranker"), ("VariantName", "AllTraffic"))
MEMORY = MetricStat(endpoint.MEMORY_UTILIZATION, VARIANT, "Maximum", MINUTE)
GPU = MetricStat(endpoint.GPU_UTILIZATION, VARIANT, "Average", MINUTE)
REQUESTS = MetricStat(endpoint.INVOCATIONS, VARIANT, "Sum", MINUTE)
LATENCY = MetricStat(endpoint.MODEL_LATENCY, VARIANT, "p99", MINUTE)

SOUND = MetricAlarm(
    name="mlwarden-test-ranker-HighMemory",
    condition="HighMemory",
    subject=Subject("endpoint", "ranker", "AllTraffic"),
    title="memory is nearly used up",
    queries=(Query("value", MEMORY, returned=True),),
    comparison=Comparison.GREATER_OR_EQUAL,
    threshold=90.0,
    datapoints=5,
    periods=5,
    missing=MissingData.MISSING,
    severity=Severity.WARNING,
    owner="ml-platform",
    runbook="HighMemory",
    display=Display("%"),
    delivery=Delivery.INCIDENT,
)
PARENT = CompositeAlarm(
    name="mlwarden-test-ranker-Unhealthy",
    condition="Unhealthy",
    subject=SOUND.subject,
    title="the endpoint fails its callers",
    rule=f'ALARM("{SOUND.name}")',
    children=(SOUND.name,),
    severity=Severity.CRITICAL,
    owner="ml-platform",
    runbook="Unhealthy",
    delivery=Delivery.INCIDENT,
)


def measured(stat: MetricStat) -> tuple[Query, ...]:
    return (Query("value", stat, returned=True),)


def computed(expression: str, **stats: MetricStat) -> tuple[Query, ...]:
    queries = tuple(Query(id_, stat) for id_, stat in stats.items())
    return (*queries, Query("result", expression=expression, label="result", returned=True))


def only(*found: MetricAlarm | CompositeAlarm) -> str:
    (problem,) = lint.check(found)
    return problem


def test_a_sound_alarm_and_its_parent_have_no_problems():
    assert () == lint.check((SOUND, PARENT))


@pytest.mark.parametrize("name", ["default.toml", "example-production.toml"])
def test_the_shipped_configurations_have_no_problems(name):
    config = shipped(name)

    assert () == lint.check((*alarms.compute(config), *platform.alarms(config, NAMES)))


def test_five_disks_and_every_gpu_alarm_have_no_problems():
    config = configured('[agent]\ndisk_paths = ["/", "/a", "/b", "/c", "/d"]', ENDPOINT, GPU_HOST)

    assert () == lint.check(alarms.compute(config))


def test_a_problem_begins_with_the_alarms_name():
    assert only(replace(SOUND, owner="")) == "mlwarden-test-ranker-HighMemory: it has no owner"


def test_an_endpoints_name_alone_is_no_series():
    stat = replace(MEMORY, dimensions=(("EndpointName", "ranker"),))

    problem = only(replace(SOUND, queries=measured(stat)))

    assert "MemoryUtilization has no series by EndpointName, so it would never fire; it has by:" in problem
    assert "EndpointName, VariantName" in problem


def test_a_dimension_without_a_value_is_no_series():
    stat = replace(MEMORY, dimensions=(("EndpointName", "ranker"), ("VariantName", "")))

    assert "dimension VariantName has no value" in only(replace(SOUND, queries=measured(stat)))


@pytest.mark.parametrize(
    "metric, statistic",
    [
        (endpoint.OVERHEAD_LATENCY, "p99"),
        (endpoint.INVOCATIONS, "Average"),
        (endpoint.MODEL_LATENCY, "p101"),
        (endpoint.MODEL_LATENCY, "tm90"),
    ],
)
def test_a_statistic_that_the_metric_lacks_is_found(metric, statistic):
    stat = MetricStat(metric, VARIANT, statistic, MINUTE)

    assert f"{metric.name} has no {statistic}; it has " in only(replace(SOUND, queries=measured(stat)))


@pytest.mark.parametrize("statistic", ["p0", "p50", "p99.9", "p100", "Average", "SampleCount"])
def test_a_statistic_that_the_metric_has_is_sound(statistic):
    stat = replace(LATENCY, statistic=statistic)

    assert () == lint.check([replace(SOUND, queries=measured(stat))])


def test_a_metric_outside_the_catalogue_is_found():
    unknown = Metric(
        "AWS/SageMaker", "EndpointStatus", (frozenset({"EndpointName"}),), "None", ("Maximum",), Display(""),
        Emitted.ALWAYS, "nowhere",
    )  # fmt: skip
    stat = MetricStat(unknown, (("EndpointName", "ranker"),), "Maximum", MINUTE)

    assert "AWS/SageMaker EndpointStatus is not in the catalogue" in only(replace(SOUND, queries=measured(stat)))


@pytest.mark.parametrize("seconds", [0, 1, 10, 30, 90])
def test_a_period_that_no_datapoint_has_is_found(seconds):
    stat = replace(MEMORY, period=timedelta(seconds=seconds))

    assert f"a period of {seconds} s finds no datapoints" in only(replace(SOUND, queries=measured(stat)))


def test_a_window_longer_than_a_day_is_found():
    stat = replace(MEMORY, period=timedelta(minutes=30))
    hourly = replace(MEMORY, period=timedelta(hours=1))

    assert "it looks back 1 day, 0:30:00" in only(replace(SOUND, queries=measured(stat), periods=49))
    assert () == lint.check([replace(SOUND, queries=measured(hourly), periods=168)])
    assert "CloudWatch evaluates at most 7 days" in only(replace(SOUND, queries=measured(hourly), periods=169))


@pytest.mark.parametrize("datapoints", [0, 6])
def test_datapoints_outside_the_periods_are_found(datapoints):
    assert f"{datapoints} datapoints of 5 periods" in only(replace(SOUND, datapoints=datapoints))


@pytest.mark.parametrize(
    "stat, comparison, threshold",
    [
        (MEMORY, Comparison.GREATER_OR_EQUAL, 100.5),
        (MEMORY, Comparison.GREATER, 100.0),
        (MEMORY, Comparison.LESS, 0.0),
        (LATENCY, Comparison.LESS_OR_EQUAL, -1.0),
        (REQUESTS, Comparison.LESS, 0.0),
    ],
)
def test_a_threshold_out_of_reach_is_found(stat, comparison, threshold):
    found = replace(SOUND, queries=measured(stat), comparison=comparison, threshold=threshold)

    assert "it could never fire" in only(found)


@pytest.mark.parametrize(
    "comparison, threshold",
    [
        (Comparison.GREATER_OR_EQUAL, 0.0),
        (Comparison.GREATER, -1.0),
        (Comparison.LESS, 101.0),
        (Comparison.LESS_OR_EQUAL, 100.0),
    ],
)
def test_a_threshold_that_every_value_breaches_is_found(comparison, threshold):
    assert "it would always fire" in only(replace(SOUND, comparison=comparison, threshold=threshold))


def test_a_threshold_that_is_no_number_is_found():
    assert "its threshold is nan" in only(replace(SOUND, threshold=float("nan")))


def test_a_share_of_memory_that_was_scaled_down_once_too_often_is_out_of_reach():
    found = replace(SOUND, queries=computed("memory / 100", memory=MEMORY))

    assert "out of reach of values from 0 to 1: it could never fire" in only(found)


def test_a_guard_does_not_hide_a_threshold_out_of_reach():
    queries = computed("IF(FILL(requests, 0) >= 20, memory, 0)", requests=REQUESTS, memory=MEMORY)

    assert () == lint.check([replace(SOUND, queries=queries)])
    assert "it could never fire" in only(replace(SOUND, queries=queries, threshold=101.0))


@pytest.mark.parametrize("queries", [measured(GPU), computed("FILL(gpu, 0)", gpu=GPU), computed("gpu * 4", gpu=GPU)])
def test_utilisation_summed_over_devices_has_to_be_divided(queries):
    assert "GPUUtilization is summed over cores or GPUs" in only(replace(SOUND, queries=queries))


def test_utilisation_divided_by_the_devices_is_sound():
    assert () == lint.check([replace(SOUND, queries=computed("gpu / 4", gpu=GPU))])


@pytest.mark.parametrize(
    "expression, problem",
    [
        ("LAMBDA(memory)", "unexpected 'memory' at position 7; expected a string in quotes"),
        ("MAX(memory)", "it gives S; one time series would be right"),
        ("[memory]", "it gives TS[]; one time series would be right"),
        ("FIRST(memory)", "Unsupported operand type(s) for FIRST: '[TS]'"),
        ("MAX(SEARCH('memory', 'Sum', 60)) + memory", "an alarm takes no SEARCH"),
    ],
)
def test_an_expression_that_no_alarm_can_watch_is_found(expression, problem):
    assert problem in only(replace(SOUND, queries=computed(expression, memory=MEMORY)))


def test_metrics_and_period_are_known_from_the_queries():
    assert () == lint.check([replace(SOUND, queries=computed("MAX(METRICS()) * PERIOD(memory) / 60", memory=MEMORY))])


@pytest.mark.parametrize(
    "expression, problem",
    [
        ("memory +", "the expression ends"),
        ("memory + other", "no query has the id other"),
        ("result + memory", "refers to itself"),
    ],
)
def test_an_expression_that_cannot_be_computed_is_found(expression, problem):
    assert problem in only(replace(SOUND, queries=computed(expression, memory=MEMORY)))


def test_an_expression_over_nothing_is_found():
    problems = lint.check([replace(SOUND, queries=computed("1 + 1", memory=MEMORY))])

    assert any("a constant, which never changes state" in problem for problem in problems)


def test_expressions_that_refer_to_each_other_do_not_hang():
    queries = (
        Query("value", MEMORY),
        Query("a", expression="b + value", label="a"),
        Query("b", expression="a + value", label="b", returned=True),
    )

    lint.check([replace(SOUND, queries=queries)])


def test_an_expression_that_is_too_long_is_found():
    expression = "memory" + " + memory" * 300

    assert "its expression has 2706 characters; the limit is 2048" in only(
        replace(SOUND, queries=computed(expression, memory=MEMORY))
    )


def test_more_queries_than_an_alarm_takes_are_found():
    stats = {f"m{number}": MEMORY for number in range(10)}

    assert "it has 11 queries; an alarm takes 10" in only(replace(SOUND, queries=computed("m0", **stats)))


def test_queries_that_contradict_themselves_are_found():
    both = (Query("value", MEMORY, expression="value", returned=True),)
    twice = (Query("value", MEMORY, returned=True), Query("value", MEMORY))
    bad_id = (Query("Value", MEMORY, returned=True),)
    mixed = computed("a + b", a=MEMORY, b=replace(MEMORY, period=2 * MINUTE))

    assert "a statistic or an expression would be right" in only(replace(SOUND, queries=both))
    assert "two of its queries have the same id" in only(replace(SOUND, queries=twice))
    assert "query Value: an id is a lower-case letter" in only(replace(SOUND, queries=bad_id))
    assert "its statistics have different periods" in only(replace(SOUND, queries=mixed))


def test_an_alarm_returns_exactly_one_series():
    none = (Query("value", MEMORY),)
    two = (Query("a", MEMORY, returned=True), Query("b", MEMORY, returned=True))

    assert "it returns 0 series (none); exactly one would be right" in only(replace(SOUND, queries=none))
    assert "it returns 2 series (a, b); exactly one would be right" in only(replace(SOUND, queries=two))


def test_an_alarm_of_expressions_alone_is_found():
    found = replace(SOUND, queries=(Query("a", expression="1", label="a", returned=True),))

    assert any("it has no statistic" in problem for problem in lint.check([found]))


def test_idleness_must_not_read_as_a_fault():
    found = replace(SOUND, queries=measured(LATENCY), missing=MissingData.BREACHING)

    assert "it would fire on idleness" in only(found)


def test_silence_must_not_read_as_health():
    found = replace(
        SOUND,
        queries=measured(REQUESTS),
        comparison=Comparison.LESS,
        threshold=1.0,
        missing=MissingData.NOT_BREACHING,
    )

    assert "it would sleep through silence" in only(found)


def test_a_runbook_of_another_name_is_found():
    assert "its runbook is MemoryFull; that of its condition, HighMemory" in only(replace(SOUND, runbook="MemoryFull"))


def test_a_name_that_is_too_long_or_lacks_the_condition_is_found():
    long = replace(SOUND, name=f"mlwarden-test-{'x' * 240}-HighMemory")

    assert "its name has 265 characters; CloudWatch takes 255" in only(long)
    assert "does not end in its condition" in only(replace(SOUND, name="mlwarden-test-ranker-Memory"))


def test_two_alarms_of_one_name_are_found():
    assert "mlwarden-test-ranker-HighMemory: 2 alarms have this name" == only(SOUND, SOUND)


def test_a_parent_before_or_without_its_child_is_found():
    problem = f"{PARENT.name}: its child {SOUND.name} does not stand before it"

    assert problem == only(PARENT, SOUND)
    assert problem == only(PARENT)


def test_a_rule_that_names_other_alarms_than_its_children_is_found():
    other = replace(PARENT, rule='ALARM("something-else")')

    assert "its rule and its children do not name the same alarms" in only(SOUND, other)


def test_context_under_no_parent_would_never_be_heard_of():
    assert "nobody would hear of it" in only(replace(SOUND, delivery=Delivery.CONTEXT))
    assert () == lint.check([replace(SOUND, delivery=Delivery.CONTEXT), PARENT])


BOUNDS = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(lambda pair: Interval(pair[0], pair[0] + pair[1]))
EXPRESSIONS = (
    "a + b",
    "a - b",
    "a * b",
    "a / b",
    "-a",
    "a >= b",
    "IF(a > 0, b)",
    "IF(a > 0, a, b)",
    "FILL(a, 7)",
    "FILL(a, REPEAT)",
    "a ^ 2",
    "100 * a / b",
)


@given(a=BOUNDS, b=BOUNDS, at=st.tuples(st.floats(0, 1), st.floats(0, 1)), expression=st.sampled_from(EXPRESSIONS))
def test_what_an_expression_gives_is_within_its_reach(a, b, at, expression):
    values = {
        "a": (a.low + at[0] * (a.high - a.low),),
        "b": (b.low + at[1] * (b.high - b.low),),
    }

    result = evaluate(parse(expression), values)

    within = reach.of_expression(parse(expression), {"a": a, "b": b})
    assert isinstance(result, tuple)
    for value in result:
        assert value is None or within.low - 1e-6 <= value <= within.high + 1e-6


@given(values=BOUNDS, threshold=st.integers(-60, 110), comparison=st.sampled_from(Comparison))
def test_some_value_breaches_or_some_value_holds(values, threshold, comparison):
    assert reach.can_breach(values, comparison, threshold) or reach.can_hold(values, comparison, threshold)
