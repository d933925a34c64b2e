"""LAMBDA, DB_PERF_INSIGHTS and INSIGHT_RULE_METRIC: their arguments, and the data that are given for them."""

from datetime import timedelta

import pytest

from core.cloudwatch.expression import ExpressionError, Type, check, parse, render, source_call
from local.errors import ServiceError
from tests.cloudwatch.fakes import START, FakeWorld
from tests.cloudwatch.test_metrics import get, stat, values
from tests.cloudwatch.test_metrics_math import labelled, math_alarm

COUNTER = "DB_PERF_INSIGHTS('RDS', 'db-1', 'os.cpuUtilization.user.avg')"
CONTRIBUTORS = "INSIGHT_RULE_METRIC('rule', 'UniqueContributors')"
CONNECTED = "LAMBDA('f', 'orders', 3, true)"


def give(world, call, label, *numbers):
    """One value a minute from the world's start."""
    stamps = [START + timedelta(minutes=minute) for minute in range(len(numbers))]
    items = [{"Timestamp": at, "Value": value} for at, value in zip(stamps, numbers, strict=True)]
    world.cloudwatch.give(call, label, items)


def query(text, **more):
    return {"Id": "e1", "Expression": text, "Period": 60, **more}


@pytest.mark.parametrize(
    "text,type_",
    [
        (COUNTER, Type.SERIES),
        ("DB_PERF_INSIGHTS('DOCDB', 'db-1', ['a.avg', 'b.avg'])", Type.ARRAY),
        (CONTRIBUTORS, Type.SERIES),
        (CONNECTED, Type.ARRAY),
        ('LAMBDA("f:22")', Type.ARRAY),
        ("SUM(LAMBDA('f'))", Type.SERIES),
        (f"FILL({CONTRIBUTORS}, 0) / 2", Type.SERIES),
        ("LAMBDA('f'" + ", -1.5" * 20 + ")", Type.ARRAY),
    ],
)
def test_the_documented_forms_are_taken_and_written_back(text, type_):
    tree = parse(text)

    assert check(tree, {}) is type_
    assert render(parse(render(tree))) == render(tree)


@pytest.mark.parametrize(
    "text,message,position",
    [
        ("LAMBDA()", "LAMBDA at position 0 takes a function's name and at most 20 arguments, not 0", 0),
        ("LAMBDA('f'" + ", 1" * 21 + ")", "at most 20 arguments, not 22 in all", 0),
        ("LAMBDA(3)", "LAMBDA takes a Lambda function's name in quotes", 7),
        ("LAMBDA('f:*')", "without *, at position 7", 7),
        ("LAMBDA('f', m1)", "unexpected 'm1' at position 12; expected a string in quotes, a number", 12),
        ("LAMBDA('f', ['a'])", "LAMBDA takes strings, numbers, true or false, at position 12", 12),
        ("LAMBDA('f', -true)", "unexpected 'true' at position 13", 13),
        ("LAMBDA('f' 1)", "unexpected '1' at position 11; expected ','", 11),
        ("DB_PERF_INSIGHTS('RDS', 'd')", "takes 3 arguments, not 2", 0),
        ("1 + DB_PERF_INSIGHTS('EC2', 'd', 'm')", "takes 'RDS' or 'DOCDB' first, at position 21", 21),
        ("DB_PERF_INSIGHTS('RDS', 1, 'm')", "the database's resource ID in quotes", 24),
        ("DB_PERF_INSIGHTS('RDS', 'd', [])", "a counter in quotes", 29),
        ("DB_PERF_INSIGHTS('RDS', 'd', ['m', 1])", "or a list of them, at position 29", 29),
        ("INSIGHT_RULE_METRIC('r')", "takes 2 arguments, not 1", 0),
        ("INSIGHT_RULE_METRIC('', 'Sum')", "the name of a Contributor Insights rule", 20),
        ("INSIGHT_RULE_METRIC('r', 'Total')", "one of UniqueContributors, MaxContributorValue, SampleCount", 25),
    ],
)
def test_wrong_arguments_are_refused_with_their_position(text, message, position):
    with pytest.raises(ExpressionError) as refused:
        parse(text)

    assert message in refused.value.message
    assert refused.value.position == position


def test_a_line_feed_in_an_argument_becomes_a_space():
    assert render(parse("LAMBDA('f', 'a\nb')")) == "LAMBDA('f', 'a b')"


@pytest.mark.parametrize("text", ["AVG(m1)", "SUM(LAMBDA('f'))", "1"])
def test_only_a_call_itself_can_be_given_data(text):
    with pytest.raises(ExpressionError, match="a call of DB_PERF_INSIGHTS, INSIGHT_RULE_METRIC, LAMBDA is needed"):
        source_call(text)


def test_each_call_answers_with_what_was_given_for_it():
    world = FakeWorld()
    give(world, "LAMBDA( \"f\", 'orders', 3.0, true )", "shop", 1, 2)
    give(world, CONNECTED, "depot", 10, 20)
    give(world, COUNTER, "", 50, 70)
    world.advance(minutes=2)

    answer = get(world, query(CONNECTED), minutes=2, ScanBy="TimestampAscending")
    total = get(world, query(f"SUM({CONNECTED}) + {COUNTER}"), minutes=2, ScanBy="TimestampAscending")

    assert labelled(answer) == [("shop", [1, 2]), ("depot", [10, 20])]
    assert values(total, "e1") == [61, 92]
    assert answer["Messages"] == total["Messages"] == []


def test_a_longer_period_has_the_average_of_what_was_given_in_it():
    world = FakeWorld()
    give(world, CONTRIBUTORS, "", 1, 2, 3, 4, 5, 6)
    world.advance(minutes=10)

    assert values(get(world, query(CONTRIBUTORS) | {"Period": 300}, minutes=5), "e1") == [3]


def test_where_nothing_was_given_there_are_no_data_and_a_message_says_so():
    world = FakeWorld()
    world.advance(minutes=2)

    connected = get(world, query(CONNECTED), minutes=2)
    counter = get(world, query(COUNTER), minutes=2)

    assert connected["MetricDataResults"] == []
    assert values(counter, "e1") == []
    (message,) = counter["Messages"]
    assert message == {
        "Code": "DataSourceNotGiven",
        "Value": f"The query e1 has no data: nothing was given for {COUNTER}",
    }


def test_what_was_given_is_no_metric():
    world = FakeWorld()
    give(world, CONNECTED, "shop", 1)

    assert world.cloudwatch.handle("ListMetrics", {})["Metrics"] == []


def test_without_a_metric_to_take_it_from_the_period_must_be_stated():
    world = FakeWorld()
    world.put(1, "Latency")
    world.advance(minutes=1)

    with pytest.raises(ServiceError, match="Period is a required field when using DB_PERF_INSIGHTS"):
        get(world, {"Id": "e1", "Expression": COUNTER})

    assert get(world, stat(), {"Id": "e1", "Expression": f"m1 + {COUNTER}"})["MetricDataResults"]


@pytest.mark.parametrize("text", [COUNTER, CONTRIBUTORS, CONNECTED, f"FILL({CONNECTED}, 0)", f"MAX({CONNECTED})"])
def test_alarms_watch_each_source(text):
    world = FakeWorld()
    math_alarm(world, query(text))
    for call in (COUNTER, CONTRIBUTORS, CONNECTED):
        give(world, call, "shop", 9, 9, 9)

    world.advance(minutes=3)

    assert world.state("High") == "ALARM"


def test_an_alarm_on_a_data_source_that_returns_several_series_has_no_data():
    world = FakeWorld()
    math_alarm(world, query(CONNECTED))
    for label in ("shop", "depot"):
        give(world, CONNECTED, label, 9, 9, 9)

    world.advance(minutes=3)

    assert world.state("High") == "INSUFFICIENT_DATA"


def test_an_alarm_refuses_several_counters_and_two_periods():
    world = FakeWorld()

    with pytest.raises(ServiceError, match="e1 returns an array of time series"):
        math_alarm(world, query("DB_PERF_INSIGHTS('RDS', 'd', ['a.avg', 'b.avg'])"))
    with pytest.raises(ServiceError, match="The Period must be the same"):
        math_alarm(world, stat() | {"ReturnData": False}, query(f"m1 + {COUNTER}", Period=300))


@pytest.mark.parametrize("item", [{}, {"Value": "much"}, 3])
def test_a_bad_datum_is_refused(item):
    with pytest.raises(ValueError, match=r"."):
        FakeWorld().cloudwatch.give(CONNECTED, "", [item])
