"""The alarms and dashboards of endpoints and hosts, in as many stacks as CloudFormation's limits ask for."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from core.catalogue.alarm import Alarm, Severity, Subject
from core.catalogue.dashboards import Dashboard
from stacks import cloudwatch

MAX_RESOURCES = 400
"""Of the 500 that CloudFormation allows in a stack; the rest is room for the next version's alarms."""
MAX_BYTES = 900_000
"""Of the 1 MB that CloudFormation allows a template."""
ALARM_BYTES = 1_500
"""More than an alarm takes in a template."""


class SizeError(Exception):
    """A part of the deployment is too large for CloudFormation, whatever it is divided into."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What one stack holds; a subject's alarms are never divided, so a composite stands beside its children."""

    alarms: tuple[Alarm, ...]
    dashboards: tuple[Dashboard, ...]

    @property
    def fits(self) -> bool:
        """Whether one stack can hold it; a dashboard's body is JSON inside the template's JSON."""
        size = sum(len(json.dumps(json.dumps(entry.body))) for entry in self.dashboards)
        resources = len(self.alarms) + len(self.dashboards)
        return resources <= MAX_RESOURCES and size + ALARM_BYTES * len(self.alarms) <= MAX_BYTES


class MonitoringStack(cdk.Stack):
    """The alarms and dashboards of one shard."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        shard: Shard,
        runbooks: str,
        actions: Mapping[Severity, str],
        **kwargs: Any,
    ) -> None:
        """`actions` are topic ARNs by severity, for the alarms that page by themselves."""
        super().__init__(scope, construct_id, suppress_template_indentation=True, **kwargs)
        cloudwatch.add_alarms(self, shard.alarms, runbooks=runbooks, actions=actions)
        cloudwatch.add_dashboards(self, shard.dashboards)


def divide(alarms: Sequence[Alarm], dashboards: Sequence[Dashboard]) -> tuple[Shard, ...]:
    """The fewest shards that each fit a stack; raises SizeError when a dashboard fits none.

    By rendezvous hashing: one more shard takes subjects from the others and moves none between them, and since
    a later stack is deployed after the earlier ones, an alarm's name is free before it is taken again.
    """
    for number in range(1, len(alarms) + len(dashboards) + 2):
        shards = tuple(_shard(alarms, dashboards, index, number) for index in range(number))
        if all(shard.fits for shard in shards):
            return shards
    largest = max(dashboards, key=lambda entry: len(json.dumps(entry.body)))
    raise SizeError(f"{largest.name}: this dashboard alone is too large for a CloudFormation template")


def _shard(alarms: Sequence[Alarm], dashboards: Sequence[Dashboard], index: int, number: int) -> Shard:
    return Shard(
        alarms=tuple(alarm for alarm in alarms if home(_key(alarm.subject), number) == index),
        dashboards=tuple(entry for entry in dashboards if home(entry.name, number) == index),
    )


def _key(subject: Subject) -> str:
    return f"{subject.kind}/{subject.name}/{subject.variant}"


@cache
def home(key: str, shards: int) -> int:
    """Which of so many shards has the subject or dashboard `key`."""
    return max(range(shards), key=lambda index: hashlib.sha256(f"{index}\0{key}".encode()).digest())
