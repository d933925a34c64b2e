"""Evaluates the alarms that watch many time series, and tells of each contributor that changes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.cloudwatch import contributors, promql, reasons
from core.cloudwatch.alarms import MetricPlan
from core.cloudwatch.contributors import Contributor, EmptyResult, Seen, Turn
from core.cloudwatch.expression import Grid
from core.cloudwatch.limits import INSIGHTS_RANGE, MAX_INSIGHTS_ALARMS, MAX_SERIES
from core.cloudwatch.promql import PromqlError
from core.cloudwatch.reasons import Datapoint
from core.cloudwatch.refusal import Refusal, validation
from core.cloudwatch.state import State
from core.cloudwatch.watches import PromqlWatch
from local.cloudwatch import insights, paging
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.history import History
from local.cloudwatch.promql import Exposition
from local.cloudwatch.records import MetricAlarm, Status
from local.cloudwatch.registry import Registry
from local.cloudwatch.sight import Sight
from local.cloudwatch.store import Store
from local.world import World

PAGE = 50
"""How many contributors DescribeAlarmContributors gives at once; the API reference does not say."""

_PARTIAL = "PARTIAL_DATA"
_ERROR = "EVALUATION_ERROR"


class Contributors:
    """The contributors of every alarm that has any, and how they change."""

    def __init__(
        self,
        *,
        world: World,
        store: Store,
        sight: Sight,
        registry: Registry,
        history: History,
        delivery: Delivery,
    ) -> None:
        self._world = world
        self._store = store
        self._sight = sight
        self._registry = registry
        self._history = history
        self._delivery = delivery
        self._exposition = Exposition(store, account=world.account, region=world.region)
        self._tracked: dict[str, tuple[Contributor, ...]] = {}
        self.empty_result = EmptyResult.INSUFFICIENT_DATA
        """What a GROUP BY query without any time series does to its alarm: AWS's pages contradict each other."""

    def evaluate(self, alarm: MetricAlarm, now: datetime) -> bool:
        """Whether the alarm's state changed."""
        watch = alarm.plan.watch
        if isinstance(watch, PromqlWatch) and not watch.is_due(now):
            return False
        try:
            if isinstance(watch, PromqlWatch):
                turn, partial = self._promql(alarm, watch, now)
            else:
                turn, partial = self._insights(alarm, now)
        except PromqlError as error:
            alarm.evaluation_state = _ERROR
            alarm.status = replace(alarm.status, reason=f"Invalid PromQL query: {error.message}", updated=now)
            return False
        alarm.evaluation_state = _PARTIAL if partial else ""
        self._tracked[alarm.name] = turn.tracked
        for change in turn.changes:
            self._tell(alarm, change, now)
        return self._settle(alarm, turn, now)

    def configure(self, alarm: str, plan: MetricPlan, existing: MetricAlarm | None) -> None:
        """The alarm is created or updated: what it watches keeps its contributors.

        Raises Refusal where the account has as many Metrics Insights alarms as it may (Metrics Insights quotas).
        """
        if existing is not None and existing.plan.watch != plan.watch:
            self.forget(alarm)
        if not _selects(plan) or (existing is not None and _selects(existing.plan)):
            return
        count = sum(_selects(one.plan) for one in self._registry.metric.values())
        if count >= MAX_INSIGHTS_ALARMS:
            raise Refusal(
                "LimitExceeded", f"An account may have {MAX_INSIGHTS_ALARMS} Metrics Insights alarms a Region"
            )

    def tracked(self, alarm: str) -> tuple[Contributor, ...]:
        """The alarm's contributors that are not simply OK."""
        return self._tracked.get(alarm, ())

    def put_back(self, alarm: str, contributors: tuple[Contributor, ...]) -> None:
        """Give an alarm the contributors that it had."""
        if contributors:
            self._tracked[alarm] = contributors

    def forget(self, alarm: str) -> None:
        """The alarm is deleted, or watches something else from now on."""
        self._tracked.pop(alarm, None)
        self._delivery.forget_contributors(alarm)

    def describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeAlarmContributors: those in ALARM."""
        name = params.get("AlarmName")
        if not isinstance(name, str) or not name:
            raise validation("AlarmName is required")
        if self._registry.find(name) is None:
            raise Refusal("ResourceNotFoundException", f"Alarm not found: {name}")
        alarming = [one for one in self._tracked.get(name, ()) if one.alarms]
        listed, token = paging.page(alarming, PAGE, params.get("NextToken"))
        return {
            "AlarmContributors": [
                {
                    "ContributorId": one.id,
                    "ContributorAttributes": dict(one.attributes),
                    "StateReason": one.reason,
                    "StateTransitionedTimestamp": (one.transitioned or one.since).timestamp(),
                }
                for one in listed
            ]
        } | ({"NextToken": token} if token else {})

    def _insights(self, alarm: MetricAlarm, now: datetime) -> tuple[Turn, bool]:
        plan = alarm.plan
        boundaries = self._sight.boundaries(plan, now)[-(INSIGHTS_RANGE // plan.period) - 1 :]
        grid = Grid(boundaries[0], int(plan.period.total_seconds()), len(boundaries) - 1)
        result = insights.read(self._store, plan.returned, grid)
        seen = [
            Seen(
                group.attributes,
                tuple(
                    Datapoint(datetime.fromtimestamp(start, UTC), value)
                    for start, value in zip(grid.times, group.values, strict=True)
                ),
            )
            for group in result.groups
        ]
        turn = contributors.step(
            self._tracked.get(alarm.name, ()),
            seen,
            plan.condition,
            current=alarm.status.value,
            now=now,
            empty=self.empty_result,
        )
        return turn, result.partial

    def _promql(self, alarm: MetricAlarm, watch: PromqlWatch, now: datetime) -> tuple[Turn, bool]:
        vector = promql.evaluate(watch.expression, self._exposition, now - self._sight.delay)
        returned = [sample.labels for sample in vector[:MAX_SERIES]]
        turn = contributors.follow(self._tracked.get(alarm.name, ()), returned, watch.pace, now)
        return turn, len(vector) > MAX_SERIES

    def _tell(self, alarm: MetricAlarm, change: contributors.Change, now: datetime) -> None:
        before = State.ALARM if change.state is State.OK else State.OK
        previous = Status(before, "", "", updated=now, transitioned=now)
        current = Status(change.state, change.reason, "", updated=now, transitioned=now)
        self._history.contributor_changed(alarm, change.contributor, current)
        self._delivery.announce_contributor(alarm, change.contributor, previous, current)

    def _settle(self, alarm: MetricAlarm, turn: Turn, now: datetime) -> bool:
        """The alarm's own state, whose reason counts the contributors."""
        previous = alarm.status
        if turn.state is previous.value and turn.reason == previous.reason:
            return False
        data = json.dumps({"version": "1.0", "queryDate": reasons.timestamp(now)}, separators=(",", ":"))
        changed = turn.state is not previous.value
        alarm.status = Status(
            turn.state, turn.reason, data, updated=now, transitioned=now if changed else previous.transitioned
        )
        if changed:
            self._history.state_changed(alarm, previous, alarm.status)
            # The events of such alarms have no reason data.
            self._delivery.announce(alarm, replace(previous, data=""), replace(alarm.status, data=""))
        return changed


def _selects(plan: MetricPlan) -> bool:
    return any(query.select is not None for query in plan.queries)
