"""PromQL alarms in the embedded CloudWatch."""

import json
from typing import Any

import pytest

from local.errors import ServiceError
from tests.cloudwatch.fakes import FUNCTION, TOPIC, FakeWorld
from tests.cloudwatch.fleet import contributors, put, state

RULE = "sum by (host) (Errors) > 5"


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


def watch_rule(world: FakeWorld, query: str = RULE, interval: int = 60, **more: Any) -> None:
    criteria = {key: more.pop(key) for key in ("PendingPeriod", "RecoveryPeriod") if key in more}
    world.call(
        "PutMetricAlarm",
        AlarmName="Rule",
        EvaluationCriteria={"PromQLCriteria": {"Query": query, **criteria}},
        EvaluationInterval=interval,
        **more,
    )


def test_a_promql_alarm_starts_ok_and_keeps_to_its_periods(world: FakeWorld) -> None:
    watch_rule(world, PendingPeriod=60, RecoveryPeriod=120, AlarmActions=[TOPIC], OKActions=[FUNCTION])
    assert state(world, "Rule") == ("OK", "Unchecked: Initial alarm creation")

    seen = []
    for value in (9, 9, 9, 1, 1, 1, 1):
        put(world, a=value, b=1)
        seen.append(state(world, "Rule")[0])

    assert seen == ["OK", "ALARM", "ALARM", "ALARM", "ALARM", "OK", "OK"]
    (message,) = [json.loads(message["message"]) for message in world.topics.published]
    assert message["AlarmContributorAttributes"] == {"host": "a"}
    assert "NewStateReason" not in message
    assert len(world.functions.invoked) == 1


def test_a_promql_alarm_is_described_as_it_was_put(world: FakeWorld) -> None:
    watch_rule(world, PendingPeriod=300)

    described = world.described("Rule")

    criteria = {"PromQLCriteria": {"Query": RULE, "PendingPeriod": 300}}
    assert (described["EvaluationCriteria"], described["EvaluationInterval"]) == (criteria, 60)
    assert "Threshold" not in described


def test_a_series_counts_for_five_minutes_after_its_last_point(world: FakeWorld) -> None:
    watch_rule(world)
    put(world, a=9)

    world.advance(minutes=4)
    assert contributors(world, "Rule") == [{"host": "a"}]

    world.advance(minutes=1)
    assert state(world, "Rule") == ("OK", "0 time series evaluated to ALARM")


def test_a_promql_alarm_is_evaluated_at_its_interval(world: FakeWorld) -> None:
    watch_rule(world, interval=300)
    put(world, a=9)

    world.advance(minutes=3)
    assert state(world, "Rule")[0] == "OK"

    world.advance(minutes=1)
    assert state(world, "Rule")[0] == "ALARM"


def test_rates_and_scopes_are_read_from_the_store(world: FakeWorld) -> None:
    watch_rule(
        world, 'increase({Errors, "@instrumentation.@name"="cloudwatch.App", "@aws.region"="us-east-1"}[5m]) > 40'
    )

    for value in (10, 20, 30, 60):
        put(world, a=value)

    assert contributors(world, "Rule") == [{"host": "a"}]


def test_a_query_that_the_data_make_impossible_is_an_evaluation_error(world: FakeWorld) -> None:
    watch_rule(world, "Errors > on() Limit")
    world.put(1, "Limit")
    put(world, a=9, b=9)

    assert world.described("Rule")["EvaluationState"] == "EVALUATION_ERROR"
    assert "more than one series for the match group {} on the left side of >" in state(world, "Rule")[1]


@pytest.mark.parametrize(
    "params, message",
    [
        ({"query": "sum(x"}, "Invalid PromQL query: the query ends at position 5; expected ','"),
        ({"query": "1 + 1"}, "it must return an instant vector, not a scalar"),
        ({"query": "x[5m]"}, "it must return an instant vector, not a range vector"),
        (
            {"query": "histogram_quantile(0.9, x) > 1"},
            "histogram_quantile at position 0 is not supported yet; supported: ",
        ),
        ({"query": "x" * 10_001}, "must have 1 to 10000 characters"),
        ({"PendingPeriod": 86_401}, "PendingPeriod must be between 0 and 86400 seconds, not 86401"),
        ({"interval": 45}, "EvaluationInterval must be 10, 20, 30 or a multiple of 60, not 45"),
        ({"interval": 7200}, "EvaluationInterval must be between 10 and 3600 seconds, not 7200"),
        ({"EvaluationPeriods": 1}, "EvaluationPeriods cannot be specified together with EvaluationCriteria"),
        ({"TreatMissingData": "missing"}, "TreatMissingData is not applicable to PromQL alarms"),
    ],
)
def test_what_no_promql_alarm_may_say_is_refused(world: FakeWorld, params: dict[str, Any], message: str) -> None:
    criteria = {"Query": params.pop("query", RULE)}
    criteria |= {key: params.pop(key) for key in ("PendingPeriod",) if key in params}
    asked = {"AlarmName": "Rule", "EvaluationCriteria": {"PromQLCriteria": criteria}}

    with pytest.raises(ServiceError) as refused:
        world.cloudwatch.handle("PutMetricAlarm", asked | {"EvaluationInterval": params.pop("interval", 60)} | params)

    assert (refused.value.code, message in refused.value.message) == ("ValidationError", True)
