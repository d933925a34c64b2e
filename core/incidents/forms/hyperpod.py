"""SageMaker HyperPod: clusters, their nodes' health, and events of their instances.

SageMaker developer guide, Events that Amazon SageMaker AI sends to EventBridge; SageMaker API, ClusterStatus,
InstanceGroupStatus, ClusterEventDetail (EventLevel Info, Warn, Error).

A node that is replaced never reports health again, so its alert is over after `NODE_HOLD`.
"""

from datetime import timedelta

from core.catalogue.alarm import Severity
from core.incidents.forms.fields import Document, decoded, entries, first_instant, optional, plain, table, text
from core.incidents.signals import EventSignal, Ignored, Source, State

CLUSTER_CHANGE = "SageMaker HyperPod Cluster State Change"
NODE_HEALTH = "SageMaker HyperPod Cluster Node Health Event"
CLUSTER_EVENT = "SageMaker HyperPod Cluster Event"

NODE_HOLD = timedelta(hours=24)
EVENT_HOLD = timedelta(hours=1)

_BAD_GROUPS = {"failed", "degraded"}


def cluster(event: Document) -> EventSignal | Ignored:
    """A cluster that failed, rolls back or serves with a failed instance group; or that serves whole again."""
    detail = table(event, "detail")
    raw = text(detail, "ClusterStatus", "detail.")
    status = plain(raw)
    bad = [group for group in entries(detail.get("InstanceGroups")) if plain(str(group.get("Status"))) in _BAD_GROUPS]
    failed = "fail" in status or status == "rollingback"
    if not failed and status not in ("inservice", "deleting"):
        return Ignored(CLUSTER_CHANGE, f"ClusterStatus {raw[:40]!r} is neither a failure nor an end")
    firing = failed or (status == "inservice" and bool(bad))
    told = optional(detail, "FailureMessage", "detail.")
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="cluster",
        subject=text(detail, "ClusterName", "detail."),
        condition="ClusterUnhealthy",
        state=State.ALARM if firing else State.OK,
        at=first_instant(((detail, "LastModifiedTime", "detail."), (event, "time", ""))),
        title=f"the cluster is {raw}" if failed else "an instance group of the cluster has failed",
        identity=_identity(event, text(detail, "ClusterArn", "detail."), "cluster-status"),
        severity=Severity.CRITICAL,
        reason="; ".join(part for part in (told, *map(_group, bad)) if part) if firing else "",
        change="|".join((status, *(str(group.get("InstanceGroupName")) for group in bad))),
        arn=text(detail, "ClusterArn", "detail."),
    )


def node(event: Document) -> EventSignal | Ignored:
    """A node that HyperPod's health monitoring found unhealthy, or healthy again."""
    detail = table(event, "detail")
    summary = table(detail, "HealthSummary", "detail.")
    raw = text(summary, "HealthStatus", "detail.HealthSummary.")
    if plain(raw) not in ("healthy", "unhealthy"):
        return Ignored(NODE_HEALTH, f"HealthStatus {raw[:40]!r} is neither healthy nor unhealthy")
    firing = plain(raw) == "unhealthy"
    instance = text(detail, "InstanceId", "detail.")
    repair, advice = (str(summary.get(key) or "") for key in ("RepairAction", "Recommendation"))
    parts = (str(summary.get("HealthStatusReason") or ""), f"Repair action: {repair}." if repair else "", advice)
    at = first_instant(((event, "time", ""),))
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="cluster",
        subject=text(detail, "ClusterName", "detail."),
        condition="NodeUnhealthy",
        state=State.ALARM if firing else State.OK,
        at=at,
        title=f"node {instance} is unhealthy",
        identity=_identity(event, text(detail, "ClusterArn", "detail."), "node-health", instance),
        reason=" ".join(part for part in parts if part) if firing else "",
        change=repair,
        arn=text(detail, "ClusterArn", "detail."),
        attributes=(("instance", instance),),
        resolves_at=at + NODE_HOLD if firing else None,
    )


def cluster_event(event: Document) -> EventSignal | Ignored:
    """What happened to a cluster, an instance group or an instance; only errors are faults."""
    detail = table(table(event, "detail"), "EventDetails", "detail.")
    place = "detail.EventDetails."
    said = text(detail, "Description", place) if detail.get("Description") else ""
    metadata = decoded(decoded(detail.get("EventDetails")).get("EventMetadata"))
    if not _is_error(detail, metadata):
        return Ignored(CLUSTER_EVENT, f"informational: {said[:120]}" if said else "informational")
    instance = optional(detail, "InstanceId", place)
    group = optional(detail, "InstanceGroupName", place)
    at = first_instant(((detail, "EventTime", place), (event, "time", "")))
    what = f"instance {instance}" if instance else f"instance group {group}" if group else "the cluster"
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="cluster",
        subject=text(detail, "ClusterName", place),
        condition="ClusterEvent",
        state=State.ALARM,
        at=at,
        title=f"an operation on {what} has failed",
        identity=_identity(event, text(detail, "ClusterArn", place), "cluster-event", instance or group),
        reason="; ".join(dict.fromkeys(part for part in (said, *_failures(metadata)) if part)),
        change=optional(detail, "EventId", place),
        arn=text(detail, "ClusterArn", place),
        attributes=tuple(pair for pair in (("group", group), ("instance", instance)) if pair[1]),
        resolves_at=at + EVENT_HOLD,
    )


def _is_error(detail: Document, metadata: Document) -> bool:
    level = detail.get("EventLevel")
    if isinstance(level, str):
        return plain(level) == "error"
    told = [value for entry in metadata.values() for key, value in decoded(entry).items() if key.endswith("State")]
    return bool(_failures(metadata)) or any("fail" in plain(str(value)) for value in told)


def _failures(metadata: Document) -> tuple[str, ...]:
    found = (decoded(entry).get("FailureMessage") for entry in metadata.values())
    return tuple(str(message) for message in found if message)


def _group(group: Document) -> str:
    name, status = group.get("InstanceGroupName"), group.get("Status")
    current, target = group.get("CurrentCount"), group.get("TargetCount")
    counts = f", {current} of {target} instances" if current is not None and target is not None else ""
    return f"instance group {name} is {status}{counts}"


def _identity(event: Document, arn: str, what: str, part: str = "") -> tuple[tuple[str, str], ...]:
    own = (("account", text(event, "account")), ("cluster", arn), ("kind", what), ("region", text(event, "region")))
    return (*own, ("part", part)) if part else own
