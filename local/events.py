"""EventBridge: what happens is matched against moto's rules and delivered to their targets; schedules fire."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends

from local import patterns, rules
from local.clock import Order
from local.errors import ServiceError
from local.schedules import Schedule, parse
from local.targets import Targets
from local.world import World

MAX_ENTRIES = 10  # PutEvents
DEFAULT_BUS = "default"

_RULE_CHANGES = {"PutRule", "EnableRule", "DisableRule", "DeleteRule"}

_EVENT_KEYS = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""What TestEventPattern asks of an event, by the API reference."""

Event = dict[str, Any]


class EventBus:
    """The account's event buses. Rules and targets themselves are moto's, read at the instant of each event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._targets = Targets(world)
        self._scheduled: dict[str, tuple[str, int]] = {}
        """Rule ARN → the schedule expression that is armed, and the arming's number."""
        self._arming = 0
        self._patterns: dict[str, patterns.Pattern] = {}

    def put(
        self,
        *,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        resources: list[str],
        bus: str = DEFAULT_BUS,
        time: datetime | None = None,
    ) -> str:
        """Put an event, as AWS services do; returns its id. Rules are matched on the clock at Order.ACTIONS."""
        event = self._event(source, detail_type, detail, resources, time)
        if detail_type == "CloudWatch Alarm State Change" and source == "aws.cloudwatch":
            old, new = detail["previousState"]["value"], detail["state"]["value"]
            self._world.journal.record("alarm", name=detail["alarmName"], old=old, new=new)
        for delay in self._world.delays.next():
            self._world.clock.schedule(self._world.clock.now() + delay, lambda: self._match(bus, event), Order.ACTIONS)
        return str(event["id"])

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """PutEvents, TestEventPattern; raises ServiceError."""
        match operation:
            case "PutEvents":
                return self._put_events(params)
            case "TestEventPattern":
                return {"Result": self._test_pattern(params)}
            case _:
                raise ServiceError("InvalidAction", f"EventBridge {operation} is not served here")

    def check(self, operation: str, params: dict[str, Any]) -> None:
        """Refuse, before moto sees it, a rule or targets that EventBridge would refuse and moto takes."""
        if operation not in {"PutRule", "PutTargets"}:
            return
        present = {rule.name: rule for rule in self._rules(_bus(params))}
        if operation == "PutRule":
            rules.check_rule(params, present)
        else:
            rule = present.get(str(params.get("Rule")))
            rules.check_targets(params, rule.targets if rule else (), self._world.region)

    def after(self, operation: str) -> None:
        """Follow up on what moto did: schedules of new, changed and enabled rules start to count."""
        if operation in _RULE_CHANGES:
            self.review()

    def review(self) -> None:
        """Arm the schedules of enabled rules and forget the rest; to be called when rules change."""
        with self._world.lock:
            armed: set[str] = set()
            for rule in self._rules():
                expression = rule.scheduled_expression
                if expression and _is_enabled(rule):
                    armed.add(rule.arn)
                    if self._scheduled.get(rule.arn, ("", 0))[0] != expression:
                        self._arming += 1
                        self._scheduled[rule.arn] = (expression, self._arming)
                        now = self._world.clock.now()
                        self._arm(rule.arn, parse(expression), now, now, self._arming)
            for arn in set(self._scheduled) - armed:
                del self._scheduled[arn]

    def _arm(self, arn: str, schedule: Schedule, after: datetime, since: datetime, number: int) -> None:
        at = schedule.after(after, since=since)
        if at is not None:
            self._world.clock.schedule(at, lambda: self._fire(arn, schedule, at, since, number), Order.SCHEDULES)

    def _fire(self, arn: str, schedule: Schedule, at: datetime, since: datetime, number: int) -> None:
        with self._world.lock:
            if self._scheduled.get(arn, ("", 0))[1] != number:
                return
            rule = next((rule for rule in self._rules() if rule.arn == arn), None)
            if rule is None or not _is_enabled(rule):
                del self._scheduled[arn]
                return
            self._arm(arn, schedule, at, since, number)
            event = self._event("aws.events", "Scheduled Event", {}, [arn], None)
            for delay in self._world.delays.next():
                self._world.clock.schedule(at + delay, lambda: self._deliver(rule, event), Order.SCHEDULES)

    def _deliver(self, rule: Rule, event: Event) -> None:
        with self._world.lock:
            self._record(rule, event)
            self._targets.deliver(rule, event)

    def _match(self, bus: str, event: Event) -> None:
        with self._world.lock:
            for rule in self._rules(bus):
                document = rule.event_pattern.get_pattern()
                if not _is_enabled(rule) or not document:
                    continue
                if self._pattern(json.dumps(document)).matches(event):
                    self._deliver(rule, event)

    def _pattern(self, text: str) -> patterns.Pattern:
        if text not in self._patterns:
            self._patterns[text] = patterns.read(text)
        return self._patterns[text]

    def _record(self, rule: Rule, event: Event) -> None:
        self._world.journal.record("rule", name=rule.name, detail_type=event["detail-type"], source=event["source"])

    def _rules(self, bus: str | None = None) -> Iterator[Rule]:
        buses = events_backends[self._world.account][self._world.region].event_buses
        for name, event_bus in buses.items():
            if bus is None or name == bus:
                yield from list(event_bus.rules.values())

    def _event(self, source: str, detail_type: str, detail: Any, resources: list[str], time: datetime | None) -> Event:
        instant = (time or self._world.clock.now()).astimezone(UTC)
        return {
            "version": "0",
            "id": self._world.next_id("event"),
            "detail-type": detail_type,
            "source": source,
            "account": self._world.account,
            "time": instant.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._world.region,
            "resources": list(resources),
            "detail": detail,
        }

    def _put_events(self, params: dict[str, Any]) -> dict[str, Any]:
        entries = params.get("Entries") or []
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have "
                f"length between 1 and {MAX_ENTRIES}; it has {len(entries)}",
            )
        answers = [self._put_entry(entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}

    def _put_entry(self, entry: dict[str, Any]) -> dict[str, str]:
        for key in ("Source", "DetailType", "Detail"):
            if not entry.get(key):
                reason = f"Parameter {key} is not valid. Reason: {key} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
        if str(entry["Source"]).startswith("aws."):
            return {
                "ErrorCode": "NotAuthorizedForSource",
                "ErrorMessage": "Not authorized for the source.",
            }
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        stamp = entry.get("Time")
        identifier = self.put(
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=detail,
            resources=list(entry.get("Resources") or []),
            bus=_bus(entry),
            time=datetime.fromtimestamp(float(stamp), tz=UTC) if stamp is not None else None,
        )
        return {"EventId": identifier}

    def _test_pattern(self, params: dict[str, Any]) -> bool:
        pattern = rules.pattern(str(params.get("EventPattern")))
        try:
            event = json.loads(params["Event"])
        except (KeyError, TypeError, ValueError):
            event = None
        missing = [key for key in _EVENT_KEYS if not isinstance(event, dict) or key not in event]
        if missing:
            raise ServiceError(
                "ValidationException", f"Parameter Event is not valid. Reason: it needs {', '.join(missing)}."
            )
        return pattern.matches(event)


def _bus(params: dict[str, Any]) -> str:
    """The name of the bus that a call or an entry is about."""
    return str(params.get("EventBusName") or DEFAULT_BUS).split("/")[-1]


def _is_enabled(rule: Rule) -> bool:
    return rule.state.startswith("ENABLED")
