"""Alarm history: what changed, why, and which actions ran; kept for thirty days."""

import bisect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch.contributors import Contributor
from core.cloudwatch.datums import epoch
from core.cloudwatch.limits import HISTORY_KEPT, MAX_ALARM_RECORDS, MAX_HISTORY_DATA, MAX_HISTORY_SUMMARY
from core.cloudwatch.refusal import validation
from local.cloudwatch import notices, paging
from local.cloudwatch.records import Alarm, Status, kind

_TYPES = ("ConfigurationUpdate", "StateUpdate", "Action", "AlarmContributorStateUpdate", "AlarmContributorAction")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an alarm's history. `data` is JSON."""

    name: str
    alarm_type: str
    at: datetime
    item_type: str
    summary: str
    data: str
    contributor: Contributor | None = None


class History:
    """The history of every alarm; it outlives the alarm."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._items: dict[str, list[Item]] = {}
        """By alarm, oldest first."""
        self._all: list[Item] = []
        """Every alarm's, oldest first."""

    def state_changed(self, alarm: Alarm, previous: Status, current: Status) -> None:
        """A StateUpdate."""
        states = {"oldState": notices.history_state(previous), "newState": notices.history_state(current)}
        summary = f"Alarm updated from {previous.value} to {current.value}"
        if previous.value is current.value:
            summary = "Alarm actions suppression updated"
        self._add(alarm, "StateUpdate", summary, {"version": "1.0", **states})

    def contributor_changed(self, alarm: Alarm, contributor: Contributor, current: Status) -> None:
        """An AlarmContributorStateUpdate."""
        summary = f"Contributor state updated to {current.value}"
        data = {"version": "1.0", "newState": notices.history_state(current)}
        self._add(alarm, "AlarmContributorStateUpdate", summary, data, contributor)

    def configured(self, alarm: Alarm, operation: str) -> None:
        """A ConfigurationUpdate; `operation` is Create, Update or Delete."""
        verb = {"Create": "created", "Update": "updated", "Delete": "deleted"}[operation]
        data = {"version": "1.0", "type": operation, f"{verb}Alarm": alarm.params}
        self._add(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {verb}', data)

    def acted(
        self,
        alarm: Alarm,
        *,
        action: str,
        updated: datetime,
        published: str,
        error: str,
        contributor: Contributor | None = None,
    ) -> None:
        """An Action that was carried out, or failed with `error`."""
        summary = f"Failed to execute action {action}" if error else f"Successfully executed action {action}"
        data = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": notices.milliseconds(updated),
            "notificationResource": action,
            "publishedMessage": published or None,
            "error": error or None,
        }
        self._add(alarm, "AlarmContributorAction" if contributor else "Action", summary, data, contributor)

    def describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeAlarmHistory."""
        wanted = params.get("HistoryItemType")
        if wanted not in (None, *_TYPES):
            raise validation(f"HistoryItemType must be one of {', '.join(_TYPES)}, not {wanted}")
        size = params.get("MaxRecords") or MAX_ALARM_RECORDS
        if not 1 <= size <= MAX_ALARM_RECORDS:
            raise validation(f"MaxRecords must be between 1 and {MAX_ALARM_RECORDS}, not {size}")
        types = params.get("AlarmTypes") or ["MetricAlarm", "CompositeAlarm"]
        since = (self._now() - HISTORY_KEPT).timestamp()
        start = max(since, epoch(params.get("StartDate") or 0))
        end = epoch(params["EndDate"]) if params.get("EndDate") is not None else float("inf")
        name, of = params.get("AlarmName"), params.get("AlarmContributorId")
        items = self._items.get(name, []) if name else self._all
        ascending = params.get("ScanBy") == "TimestampAscending"
        places = _places(items, start, end, params.get("NextToken"), ascending=ascending)
        found = (
            (place, item)
            for place in places
            if (item := items[place]).alarm_type in types
            and wanted in (None, item.item_type)
            and of in (None, item.contributor.id if item.contributor else None)
        )
        listed, token = paging.walk(found, size, lambda one: one[0])
        described = [_described(item) for _, item in listed]
        return {"AlarmHistoryItems": described, **({"NextToken": token} if token else {})}

    def _add(
        self,
        alarm: Alarm,
        item_type: str,
        summary: str,
        data: Mapping[str, Any],
        contributor: Contributor | None = None,
    ) -> None:
        cut = summary[:MAX_HISTORY_SUMMARY]
        item = Item(alarm.name, kind(alarm), self._now(), item_type, cut, _fitting(data), contributor)
        self._append(item)

    def put_back(self, items: Iterable[Item]) -> None:
        """Put items, oldest first, before those that there are."""
        newer = tuple(self._all)
        self._items.clear()
        self._all.clear()
        for item in (*items, *newer):
            self._append(item)

    def _append(self, item: Item) -> None:
        self._items.setdefault(item.name, []).append(item)
        self._all.append(item)

    def all(self) -> Sequence[Item]:
        """Every item, oldest first."""
        return self._all


def _places(items: Sequence[Item], start: float, end: float, token: str | None, *, ascending: bool) -> range:
    """Where the items of a span are, in the order asked for, from after the place that the token names."""
    low = bisect.bisect_left(items, start, key=_instant)
    high = bisect.bisect_right(items, end, key=_instant)
    if token:
        last = paging.decode(token)
        if not isinstance(last, int) or not 0 <= last < len(items):
            raise paging.invalid()
        low, high = (max(low, last + 1), high) if ascending else (low, min(high, last))
    return range(low, high) if ascending else range(high - 1, low - 1, -1)


def _instant(item: Item) -> float:
    return item.at.timestamp()


def _fitting(data: Mapping[str, Any]) -> str:
    """The data as JSON; where that is too long, without its longest parts, so that it stays JSON."""
    kept = dict(data)
    while len(text := json.dumps(kept, separators=(",", ":"), default=str)) > MAX_HISTORY_DATA:
        longest = max(kept, key=lambda key: len(json.dumps(kept[key], default=str)))
        inner = kept[longest]
        has_reason_data = isinstance(inner, dict) and "stateReasonData" in inner
        kept[longest] = {key: inner[key] for key in inner if key != "stateReasonData"} if has_reason_data else None
    return text


def _described(item: Item) -> dict[str, Any]:
    contributor = item.contributor
    of = {}
    if contributor is not None:
        of = {
            "AlarmContributorId": contributor.id,
            "AlarmContributorAttributes": dict(contributor.attributes),
        }
    return of | {
        "AlarmName": item.name,
        "AlarmType": item.alarm_type,
        "Timestamp": item.at.timestamp(),
        "HistoryItemType": item.item_type,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }
