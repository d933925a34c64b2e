"""The normal form of events: what happened to which source at which instant, whatever shape told it.

Three kinds: an alarm's state, an endpoint's status, and everything else as a fault that came or went. All answer
the same questions, so that what follows does not ask which it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from core.catalogue.alarm import Delivery, Severity
from core.incidents.forms.details import Detailed
from core.incidents.forms.fields import Pairs
from core.values import quick


class State(StrEnum):
    """CloudWatch's alarm states; what others say is mapped onto them."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


OK, ALARM, INSUFFICIENT_DATA = State
"""The states by their own names: through the class, the interpreter takes ten times as long to find one."""


class About(StrEnum):
    """What an alarm's event tells of."""

    STATE = "state"
    CONFIGURATION = "configuration"
    """The alarm was created or changed: its state is the one that its own event tells, with the same key."""
    DELETION = "deletion"
    """The alarm is gone, and its contributors with it."""


class EndpointStatus(StrEnum):
    """DescribeEndpoint's EndpointStatus."""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    DELETED = "Deleted"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


_BAD = frozenset(map(EndpointStatus, ("Failed", "OutOfService", "UpdateRollbackFailed", "RollingBack")))
_GOOD = frozenset({EndpointStatus.IN_SERVICE, EndpointStatus.DELETING, EndpointStatus.DELETED})


class Source(StrEnum):
    """Who told it: the label `source`."""

    CLOUDWATCH = "cloudwatch"
    SAGEMAKER = "sagemaker"
    EC2 = "ec2"
    HEALTH = "health"
    AGENT = "agent"


@quick
@dataclass(frozen=True, slots=True)
class AlarmSignal(Detailed):
    """A CloudWatch alarm, or one contributor of it, came into `state` at `at`.

    `muted_by` says which mute rule or suppressor kept the alarm's own actions silent, or is empty; until
    `muted_until`, or until told otherwise. `attributes` are a contributor's. `detail` is the event's detail in
    EventBridge's shape, whatever shape told it: read when asked, never changed, no part of the signal's value.
    """

    account: str
    region: str
    alarm_arn: str
    alarm_name: str
    state: State
    at: datetime
    contributor: str = ""
    previous: State | None = None
    reason: str = ""
    attributes: Pairs = ()
    muted_by: str = ""
    muted_until: datetime | None = None
    about: About = About.STATE
    detail: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    source: ClassVar[Source] = Source.CLOUDWATCH
    resolves_at: ClassVar[datetime | None] = None

    @property
    def event_key(self) -> str:
        """Equal for every delivery of one state change, by whatever path it came."""
        return "|".join((self.alarm_arn, self.contributor, self.state, str(round(self.at.timestamp() * 1000))))

    @property
    def key(self) -> str | tuple[str, str]:
        """What to know the source by in memory; mostly the ARN alone, which keeps its hash."""
        return (self.alarm_arn, self.contributor) if self.contributor else self.alarm_arn

    @property
    def identity(self) -> Pairs:
        """The labels that make this source itself: never state, value, time or free text."""
        own = (("account", self.account), ("alarm_arn", self.alarm_arn), ("region", self.region))
        return (*own, ("contributor_id", self.contributor)) if self.contributor else own

    @property
    def name(self) -> str:
        """What the source is called: the alarm's name."""
        return self.alarm_name

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return self.alarm_arn

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`: where links lead."""
        return _partition(self.alarm_arn, self.region)


class _NoAlarm:
    """What only alarms tell, as the others answer it."""

    __slots__ = ()

    previous: ClassVar[State | None] = None
    value: ClassVar[float | None] = None
    contributor: ClassVar[str] = ""
    queries: ClassVar[str] = ""
    muted_by: ClassVar[str] = ""
    muted_until: ClassVar[datetime | None] = None


@dataclass(frozen=True, slots=True)
class EndpointSignal(_NoAlarm):
    """A SageMaker endpoint came into `status` at `at` (its LastModifiedTime).

    `config` is the configuration in service, `pending_config` the one being deployed or empty.
    """

    account: str
    region: str
    endpoint_arn: str
    endpoint: str
    status: EndpointStatus
    at: datetime
    config: str = ""
    pending_config: str = ""
    failure: str = ""

    source: ClassVar[Source] = Source.SAGEMAKER
    name: ClassVar[str] = "endpoint status"
    resolves_at: ClassVar[datetime | None] = None
    attributes: ClassVar[Pairs] = ()

    @property
    def event_key(self) -> str:
        """SageMaker may send several events for one change: they share this key."""
        source = ("sagemaker-endpoint", self.account, self.region, self.endpoint.lower())
        return "|".join((*source, self.status.value, self.pending_config, str(round(self.at.timestamp() * 1000))))

    @property
    def identity(self) -> Pairs:
        """The labels that make this source itself."""
        return (
            ("account", self.account),
            ("endpoint", self.endpoint.lower()),
            ("kind", "endpoint-status"),
            ("region", self.region),
        )

    @property
    def arn(self) -> str:
        """The endpoint's ARN, or empty."""
        return self.endpoint_arn

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`: where links lead."""
        return _partition(self.endpoint_arn, self.region)

    @property
    def reason(self) -> str:
        """Why it failed, as SageMaker says it."""
        return self.failure

    @property
    def state(self) -> State:
        """The status as an alarm's state: failed is ALARM, serving or going is OK, in between says nothing."""
        if self.status in _BAD:
            return State.ALARM
        return State.OK if self.status in _GOOD else State.INSUFFICIENT_DATA


@dataclass(frozen=True, slots=True)
class EventSignal(_NoAlarm):
    """A fault of something that no alarm watches came (ALARM) or went (OK) at `at`.

    `kind` and `subject` say of what, `condition` which fault, in an alarm's words; `severity` and `delivery` are the
    event's own, for want of a catalogue. `change` is what tells this event of the source from its others at the same
    instant. An ALARM with `resolves_at` is over then unless told again: many faults have no event of their end.
    """

    source: Source
    account: str
    region: str
    kind: str
    subject: str
    condition: str
    state: State
    at: datetime
    title: str
    identity: Pairs
    severity: Severity = Severity.WARNING
    delivery: Delivery = Delivery.INCIDENT
    reason: str = ""
    change: str = ""
    arn: str = ""
    attributes: Pairs = ()
    resolves_at: datetime | None = None

    @property
    def event_key(self) -> str:
        """Equal for every delivery of one change."""
        own = "|".join(value for _, value in self.identity)
        return f"{own}|{self.change}|{self.state.value}|{round(self.at.timestamp() * 1000)}"

    @property
    def name(self) -> str:
        """What the source is called: its condition."""
        return self.condition

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`: where links lead."""
        return _partition(self.arn, self.region)


Signal = AlarmSignal | EndpointSignal | EventSignal


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The dead-man's switch on its way through rule, queue, router, queue and sender."""

    at: datetime | None = field(default=None, compare=False)
    """When the schedule sent it, where the event says so."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is understood and says nothing of a fault; `reason` as a person says it."""

    kind: str
    reason: str


def _partition(arn: str, region: str) -> str:
    if arn.startswith("arn:"):
        return arn.split(":", 2)[1]
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
