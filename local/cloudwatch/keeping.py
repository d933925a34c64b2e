"""Takes what CloudWatch holds as values to keep, and puts such values back.

Putting back tells nobody: the events and messages of what is kept went out when it came about. An alarm or dashboard
that is there already was deployed just now: it keeps its definition, and an alarm takes up the state that was kept.
"""

import uuid
from collections.abc import Iterable, Iterator

from core.cloudwatch import alarms as rules
from core.cloudwatch import anomaly, composite, mute
from local.cloudwatch import kept
from local.cloudwatch.dashboards import Dashboard
from local.cloudwatch.history import Item
from local.cloudwatch.kept import (
    KeptCompositeAlarm,
    KeptDashboard,
    KeptDetector,
    KeptMetricAlarm,
    KeptMuteRule,
    KeptSeries,
    Record,
)
from local.cloudwatch.mutes import Kept
from local.cloudwatch.records import CompositeAlarm, MetricAlarm
from local.cloudwatch.service import CloudWatch
from local.cloudwatch.store import Key, Series


def taken(cloudwatch: CloudWatch, *, dashboards: bool) -> Iterator[Record]:
    """What one region's CloudWatch holds; `dashboards`, which are the account's, where they are to be told here."""
    alarms, tags = cloudwatch.alarms, cloudwatch.tags
    store = cloudwatch.store
    for key, series in store.items():
        columns = tuple(kept.column(unit, column) for (unit, _), column in series.columns.items())
        yield KeptSeries(key.namespace, key.name, key.dimensions, columns, store.quotas.get(key))
    for metric in alarms.registry.metric.values():
        yield KeptMetricAlarm(
            name=metric.name,
            params=metric.params,
            configured=metric.configured,
            status=metric.status,
            actions_enabled=metric.actions_enabled,
            warm_at=metric.warm_at,
            announced=metric.announced,
            muted=metric.muted,
            evaluation_state=metric.evaluation_state,
            tags=tags.of(metric.arn),
            contributors=alarms.contributors.tracked(metric.name),
            held=alarms.delivery.held(metric.name),
        )
    for one in alarms.registry.composite.values():
        yield KeptCompositeAlarm(
            name=one.name,
            params=one.params,
            configured=one.configured,
            status=one.status,
            actions_enabled=one.actions_enabled,
            pending=one.pending,
            suppression=one.suppression,
            announced=one.announced,
            muted=one.muted,
            tags=tags.of(one.arn),
        )
    for rule in alarms.mute_rules.all():
        yield KeptMuteRule(rule.params, rule.updated, tags.of(rule.arn))
    for params, created in alarms.detectors.all():
        yield KeptDetector(params, created)
    for board in cloudwatch.dashboards.by_name.values() if dashboards else ():
        yield KeptDashboard(board.name, board.body, board.modified, tags.of(board.arn))
    yield from alarms.history.all()


def check(records: Iterable[Record], *, account: str) -> None:
    """Raise Refusal or ValueError for what could not be put back, before anything is."""
    for record in records:
        match record:
            case KeptSeries(columns=columns):
                for column in columns:
                    kept.restored(column)
            case KeptMetricAlarm(params=params):
                rules.plan(params, account=account)
            case KeptCompositeAlarm(params=params):
                rules.rule(params)
                rules.suppressor(params)
            case KeptMuteRule(params=params):
                mute.rule(params)
            case KeptDetector(params=params):
                anomaly.detector(params, account=account)
            case KeptDashboard() | Item():
                pass


def put_back(cloudwatch: CloudWatch, records: Iterable[Record]) -> None:
    """Give a region's CloudWatch what was kept and checked."""
    history = []
    for record in records:
        match record:
            case KeptSeries():
                _series(cloudwatch, record)
            case KeptMetricAlarm():
                _metric_alarm(cloudwatch, record)
            case KeptCompositeAlarm():
                _composite_alarm(cloudwatch, record)
            case KeptMuteRule():
                _mute_rule(cloudwatch, record)
            case KeptDetector():
                cloudwatch.alarms.detectors.put_back(record.params, record.created)
            case KeptDashboard():
                _dashboard(cloudwatch, record)
            case Item():
                history.append(record)
    cloudwatch.alarms.history.put_back(history)


def _series(cloudwatch: CloudWatch, record: KeptSeries) -> None:
    series = Series()
    for column in record.columns:
        series.columns[(column.unit, column.resolution)] = kept.restored(column)
    key = Key(record.namespace, record.name, record.dimensions)
    cloudwatch.store.put_back(key, series)
    if record.quota is not None:
        cloudwatch.store.quotas[key] = record.quota


def _metric_alarm(cloudwatch: CloudWatch, record: KeptMetricAlarm) -> None:
    alarms = cloudwatch.alarms
    existing = alarms.registry.metric.get(record.name)
    arn = alarms.arn(record.name)
    alarm = MetricAlarm(
        name=record.name,
        arn=arn,
        params=existing.params if existing else record.params,
        plan=existing.plan if existing else rules.plan(record.params, account=alarms.account),
        metric_id=str(uuid.uuid5(uuid.NAMESPACE_URL, arn)),
        configured=existing.configured if existing else record.configured,
        status=record.status,
        actions_enabled=existing.actions_enabled if existing else record.actions_enabled,
        warm_at=record.warm_at,
        announced=record.announced,
        muted=record.muted,
        evaluation_state=record.evaluation_state,
    )
    alarms.registry.put(alarm)
    if existing is None:
        cloudwatch.tags.put_back(arn, record.tags)
    if existing is None or existing.params == record.params:
        alarms.contributors.put_back(record.name, record.contributors)
        alarms.delivery.put_back(record.name, record.held)


def _composite_alarm(cloudwatch: CloudWatch, record: KeptCompositeAlarm) -> None:
    alarms = cloudwatch.alarms
    existing = alarms.registry.composite.get(record.name)
    params = existing.params if existing else record.params
    rule = existing.rule if existing else rules.rule(params)
    alarm = CompositeAlarm(
        name=record.name,
        arn=alarms.arn(record.name),
        params=params,
        rule=rule,
        children=frozenset(composite.children(rule)),
        configured=existing.configured if existing else record.configured,
        status=record.status,
        actions_enabled=existing.actions_enabled if existing else record.actions_enabled,
        pending="updated" if existing else record.pending,
        suppressor=existing.suppressor if existing else rules.suppressor(params),
        suppression=record.suppression,
        announced=record.announced,
        muted=record.muted,
    )
    alarms.registry.put(alarm)
    if existing is None:
        cloudwatch.tags.put_back(alarm.arn, record.tags)
    alarms.evaluator.composites.resume(alarm)


def _mute_rule(cloudwatch: CloudWatch, record: KeptMuteRule) -> None:
    rules_ = cloudwatch.alarms.mute_rules
    rule = mute.rule(record.params)
    arn = rules_.arn(rule.name)
    if not rules_.exists(arn):
        rules_.put_back(Kept(rule=rule, arn=arn, params=record.params, updated=record.updated))
        cloudwatch.tags.put_back(arn, record.tags)


def _dashboard(cloudwatch: CloudWatch, record: KeptDashboard) -> None:
    boards = cloudwatch.dashboards
    if record.name not in boards.by_name:
        arn = boards.arn(record.name)
        boards.by_name[record.name] = Dashboard(record.name, arn, record.body, record.modified)
        cloudwatch.tags.put_back(arn, record.tags)
