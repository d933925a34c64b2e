"""The operations on alarm mute rules, and what happens when a mute window ends."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.cloudwatch import mute
from core.cloudwatch.limits import DEFAULT_ALARM_RECORDS, MAX_ALARM_RECORDS, MAX_MUTE_RULES
from core.cloudwatch.refusal import Refusal, missing, validation
from local.clock import Order
from local.cloudwatch import paging, regions
from local.cloudwatch.delivery import Delivery
from local.cloudwatch.mutes import Kept, Mutes
from local.cloudwatch.registry import Registry
from local.cloudwatch.tags import Tags
from local.world import World

Params = Mapping[str, Any]

_KEPT = ("Name", "Description", "Rule", "MuteTargets")


class MuteRules:
    """PutAlarmMuteRule, GetAlarmMuteRule, ListAlarmMuteRules, DeleteAlarmMuteRule."""

    def __init__(self, world: World, mutes: Mutes, registry: Registry, delivery: Delivery, tags: Tags) -> None:
        self._world = world
        self._mutes = mutes
        self._registry = registry
        self._delivery = delivery
        self._tags = tags

    def put(self, params: Params) -> dict[str, Any]:
        """PutAlarmMuteRule: what the rule no longer mutes is unmuted at once."""
        rule = mute.rule(params)
        absent = sorted(name for name in rule.alarms if self._registry.find(name) is None)
        if absent:
            raise validation(f"MuteTargets.AlarmNames: the alarms [{', '.join(absent)}] do not exist")
        existing = self._mutes.by_name.get(rule.name)
        if existing is None and len(self._mutes.by_name) >= MAX_MUTE_RULES:
            raise Refusal("LimitExceeded", f"There are {MAX_MUTE_RULES} alarm mute rules already")
        kept = Kept(
            rule=rule,
            arn=self.arn(rule.name),
            params={key: params[key] for key in _KEPT if params.get(key) is not None},
            updated=self._world.clock.now(),
        )
        self._mutes.by_name[rule.name] = kept
        if existing is None:
            self._tags.put(kept.arn, params.get("Tags") or [])
        self._review(rule.alarms | (existing.rule.alarms if existing else frozenset()))
        self._watch(kept)
        return {}

    def get(self, params: Params) -> dict[str, Any]:
        """GetAlarmMuteRule."""
        name = _name(params)
        kept = self._mutes.by_name.get(name)
        if kept is None:
            raise Refusal("ResourceNotFoundException", f"Alarm mute rule not found: {name}")
        starts = {"StartDate": kept.rule.starts.timestamp()} if kept.rule.starts else {}
        return kept.params | starts | self._summary(kept)

    def listed(self, params: Params) -> dict[str, Any]:
        """ListAlarmMuteRules."""
        wanted = params.get("Statuses") or []
        for one in wanted:
            if one not in tuple(mute.Status):
                raise validation(f"Statuses must be of {', '.join(mute.Status)}, not {one}")
        size = params.get("MaxRecords") or DEFAULT_ALARM_RECORDS
        if not 1 <= size <= MAX_ALARM_RECORDS:
            raise validation(f"MaxRecords must be between 1 and {MAX_ALARM_RECORDS}, not {size}")
        alarm = params.get("AlarmName")
        found = [
            summary
            for _, kept in sorted(self._mutes.by_name.items())
            if (not alarm or alarm in kept.rule.alarms)
            and (summary := self._summary(kept))
            and (not wanted or summary["Status"] in wanted)
        ]
        page, token = paging.page(found, size, params.get("NextToken"))
        return {"AlarmMuteRuleSummaries": list(page)} | ({"NextToken": token} if token else {})

    def delete(self, params: Params) -> dict[str, Any]:
        """DeleteAlarmMuteRule: its alarms are unmuted at once; an unknown name is passed over."""
        kept = self._mutes.by_name.pop(_name(params), None)
        if kept is not None:
            self._tags.forget(kept.arn)
            self._review(kept.rule.alarms)
        return {}

    def all(self) -> tuple[Kept, ...]:
        """Every rule."""
        return tuple(self._mutes.by_name.values())

    def put_back(self, kept: Kept) -> None:
        """Have a rule again; what waited for the end of a window that is over by now is told."""
        self._mutes.by_name[kept.rule.name] = kept
        self._review(kept.rule.alarms)
        self._watch(kept)

    def exists(self, arn: str) -> bool:
        """Whether a rule has the ARN."""
        return any(kept.arn == arn for kept in self._mutes.by_name.values())

    def _summary(self, kept: Kept) -> dict[str, Any]:
        expires = {"ExpireDate": kept.rule.expires.timestamp()} if kept.rule.expires else {}
        return {
            "AlarmMuteRuleArn": kept.arn,
            **expires,
            "Status": kept.rule.status(self._world.clock.now()).value,
            "LastUpdatedTimestamp": kept.updated.timestamp(),
            "MuteType": "RECURRING" if kept.rule.is_recurring else "ONE_TIME",
        }

    def _watch(self, kept: Kept) -> None:
        """Look after the alarms when the rule's present or next window ends, for as long as the rule is unchanged."""
        at = kept.rule.next_change(self._world.clock.now())
        if at is None:
            return

        def changed() -> None:
            with self._world.lock:
                if self._mutes.by_name.get(kept.rule.name) is kept:
                    self._review(kept.rule.alarms)
                    self._watch(kept)

        self._world.clock.schedule(at, changed, Order.ACTIONS)

    def _review(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            alarm = self._registry.find(name)
            if alarm is not None:
                self._delivery.review(alarm)

    def arn(self, name: str) -> str:
        """The ARN of a rule."""
        region = self._world.region
        return f"arn:{regions.partition(region)}:cloudwatch:{region}:{self._world.account}:alarm-mute-rule:{name}"


def _name(params: Params) -> str:
    name = params.get("AlarmMuteRuleName")
    if not isinstance(name, str) or not name:
        raise missing("The parameter AlarmMuteRuleName is required.")
    return name
