"""Every effect may be the last one: a function is killed after the n-th call that changes something, for every n."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.incidents.policy import Channel, ChannelKind, Policy, Receiver
from lambdas.adapters import clients
from tests.lambdas.builders import PREFIX, REGION, alarm_event
from tests.lambdas.chaos import Killer, Life, quiet, told
from tests.lambdas.conftest import POLICY, Cloud, deploy_policy

INTERVAL = timedelta(minutes=2)
BRISK = replace(POLICY, root=replace(POLICY.root, group_interval=INTERVAL))
GONE = Receiver("chat", (Channel(ChannelKind.SNS, target=f"arn:aws:sns:{REGION}:123456789012:gone"),))
CHAT = replace(BRISK, root=replace(BRISK.root, receiver="chat"), receivers=(*BRISK.receivers, GONE))

EVENTS = (alarm_event("HighErrorRate", "ALARM", 0, value=7.4), alarm_event("Unhealthy", "ALARM", 1))
ENDS = (alarm_event("HighErrorRate", "OK", 130), alarm_event("Unhealthy", "OK", 131))
HOSTS = tuple(
    alarm_event("A", "ALARM", prefix=f"other-{n}-", alarmTags={"mlwarden:subject": f"host/h{n}"}) for n in range(3)
)
MANY = tuple(
    alarm_event(f"A{n}", "ALARM", prefix="other-", alarmTags={"mlwarden:subject": f"host/h{n % 10}"}) for n in range(60)
)


def outage(life: Life) -> None:
    """From its first event to its end."""
    life.events(*EVENTS)
    life.minutes(3)
    life.events(*ENDS)
    life.minutes(5)


def beginning(life: Life) -> None:
    """From its first event until everybody is told."""
    life.events(*EVENTS)
    life.minutes(4)


def storm(life: Life) -> None:
    """Three groups, of which the guard lets one through."""
    life.events(*HOSTS)
    life.minutes(5)


def many(life: Life) -> None:
    """60 alerts in 10 groups: several transactions, each of which stands alone."""
    life.events(*MANY)
    life.minutes(4)


def lost(life: Life) -> None:
    """No event arrives; CloudWatch has the alarm in ALARM."""
    cloudwatch = clients.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=f"{PREFIX}Unhealthy",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=f"{PREFIX}Unhealthy", StateValue="ALARM", StateReason="told by a test")
    life.minutes(5)


def throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS refuses the first two messages for now."""
    sns = clients.client("sns")
    genuine, calls = sns.publish, []

    def publish(**params: Any) -> Any:
        calls.append(params)
        if len(calls) <= 2:
            raise ClientError({"Error": {"Code": "Throttled", "Message": "Rate exceeded"}}, "Publish")
        return genuine(**params)

    monkeypatch.setattr(sns, "publish", publish)


@dataclass(frozen=True)
class Story:
    """What happens, which messages that makes, and how many effects it has undisturbed.

    Messages of one group come in the order of the reasons; those of several may overtake one another.
    """

    run: Callable[[Life], None]
    reasons: tuple[str, ...]
    effects: int
    policy: Policy = BRISK
    before: Callable[[pytest.MonkeyPatch], None] = quiet


def _throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet(monkeypatch)
    throttled(monkeypatch)


def _as_it_is(_: pytest.MonkeyPatch) -> None:
    """CloudWatch answers the sweep."""


STORIES = {
    "outage": Story(outage, ("first", "all-resolved"), 14),
    "refusing channel": Story(beginning, ("first",), 12, policy=CHAT),
    "throttled topic": Story(beginning, ("first",), 18, before=_throttled),
    "storm": Story(storm, ("first", "digest"), 15, policy=replace(BRISK, storm_limit=1)),
    "lost event": Story(lost, ("first",), 8, before=_as_it_is),
}
KILLS = [(name, number) for name, story in STORIES.items() for number in range(story.effects + 1)]


def live(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, story: Story, killer: Killer) -> Life:
    deploy_policy(story.policy, tmp_path)
    story.before(monkeypatch)
    killer.lurk(monkeypatch)
    life = Life(cloud)
    story.run(life)
    return life


@pytest.mark.parametrize("name", STORIES)
def test_undisturbed_everything_is_told_once_with_as_many_effects_as_are_tried_below(
    cloud, monkeypatch, tmp_path, name
):
    killer, story = Killer(-1), STORIES[name]

    life = live(cloud, monkeypatch, tmp_path, story, killer)

    assert tuple(reason for reason, _ in told(life.mails)) == story.reasons
    assert killer.count == story.effects


@pytest.mark.parametrize("name, number", KILLS)
def test_a_function_killed_after_any_effect_loses_no_message_and_doubles_at_most_one(
    cloud, monkeypatch, tmp_path, name, number
):
    killer, story = Killer(number), STORIES[name]

    life = live(cloud, monkeypatch, tmp_path, story, killer)

    found = told(life.mails)
    assert (killer.struck, life.kills) == (True, 1)
    reasons = tuple(dict.fromkeys(reason for reason, _ in found))
    assert reasons == story.reasons or (name == "storm" and set(reasons) == set(story.reasons))
    assert len(set(found)) == len(story.reasons)
    assert len(found) <= len(story.reasons) + 1
    assert life.waiting == []


@pytest.mark.parametrize("number", range(7))
def test_a_router_whose_time_ends_in_mid_batch_loses_no_group_and_opens_none_twice(
    cloud, monkeypatch, tmp_path, number
):
    life = live(cloud, monkeypatch, tmp_path, Story(many, (), 0), Killer(number))

    found = told(life.mails)
    incidents = {mail["MessageAttributes"]["incident"]["Value"] for mail in life.mails}
    assert life.kills == 1
    assert {reason for reason, _ in found} == {"first"}
    assert len(set(found)) == len(incidents) == 10
    assert len(found) <= 11
