"""The normal form of events: what happened to which source at which instant, whatever shape told it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.incidents import instants


class State(StrEnum):
    """CloudWatch's alarm states; endpoint statuses are mapped onto them."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


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


@dataclass(frozen=True, slots=True)
class AlarmSignal:
    """A CloudWatch alarm, or one contributor of it, came into `state` at `at`.

    `value` and `threshold` are in CloudWatch's unit, `value` the newest evaluated datapoint. `muted_by` says
    which mute rule or suppressor kept the alarm's own actions silent, or is empty. `attributes` are a
    contributor's; `dimensions` those of the alarm's first metric. `queries` is the alarm's metrics as JSON text,
    for asking more.
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
    value: float | None = None
    threshold: float | None = None
    description: str = ""
    metric: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    muted_by: str = ""
    queries: str = ""

    @property
    def event_key(self) -> str:
        """Equal for every delivery of one state change, by whatever path it came."""
        return "|".join((self.alarm_arn, self.contributor, self.state.value, instants.show(self.at)))

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """The labels that make this source itself: never state, value, time or free text."""
        pairs = (("account", self.account), ("alarm_arn", self.alarm_arn), ("region", self.region))
        return (*pairs, ("contributor_id", self.contributor)) if self.contributor else pairs


@dataclass(frozen=True, slots=True)
class EndpointSignal:
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

    @property
    def event_key(self) -> str:
        """SageMaker may send several events for one change: they share this key."""
        source = ("sagemaker-endpoint", self.account, self.region, self.endpoint.lower())
        return "|".join((*source, self.status.value, self.pending_config, instants.show(self.at)))

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """The labels that make this source itself."""
        return (
            ("account", self.account),
            ("endpoint", self.endpoint.lower()),
            ("kind", "endpoint-status"),
            ("region", self.region),
        )

    @property
    def state(self) -> State:
        """The status as an alarm's state: failed is ALARM, serving or going is OK, in between says nothing."""
        match self.status:
            case (
                EndpointStatus.FAILED
                | EndpointStatus.OUT_OF_SERVICE
                | EndpointStatus.UPDATE_ROLLBACK_FAILED
                | EndpointStatus.ROLLING_BACK
            ):
                return State.ALARM
            case EndpointStatus.IN_SERVICE | EndpointStatus.DELETING | EndpointStatus.DELETED:
                return State.OK
            case EndpointStatus.CREATING | EndpointStatus.UPDATING | EndpointStatus.SYSTEM_UPDATING:
                return State.INSUFFICIENT_DATA


Signal = AlarmSignal | EndpointSignal


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The dead-man's switch on its way through rule, queue, router, queue and notifier."""
