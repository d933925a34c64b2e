"""Dashboards as values: the fleet, each endpoint variant, the hosts, and mlwarden itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from core.catalogue import endpoint, endpoint_dashboard, fleet_dashboard, host_dashboard
from core.catalogue import platform_dashboard as platform
from core.catalogue.alarm import Subject, name_prefix
from core.catalogue.platform import PlatformNames
from core.catalogue.widgets import Canvas

if TYPE_CHECKING:
    from core.config import Config

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A CloudWatch dashboard: `body` is what PutDashboard takes, as an object that JSON can say."""

    name: str
    body: dict[str, Any]


def dashboard_name(stage: str, subject: Subject) -> str:
    """The dashboard that shows a subject. Many hosts are spread over several; the first is named."""
    part = {"endpoint": f"endpoint-{subject.label}", "host": "hosts"}.get(subject.kind, "platform")
    return f"{name_prefix(stage)}{part}"


def compute(
    config: "Config", *, region: str, alarm_arn_prefix: str, incidents_widget: str = ""
) -> tuple[Dashboard, ...]:
    """Fleet, endpoints, hosts; `region` and `alarm_arn_prefix` (which alarm names follow) may be CDK tokens.

    `incidents_widget` is the ARN of the function that draws the open incidents on the fleet's dashboard.
    """
    canvas = Canvas(region, alarm_arn_prefix, incidents_widget)
    stage = config.deployment.stage
    fleet = _chunks(config.endpoints, fleet_dashboard.ENDPOINTS_ON_ONE) or [()]
    hosts = _chunks(config.hosts, host_dashboard.HOSTS_ON_ONE)
    return (
        *(
            Dashboard(_numbered(f"{name_prefix(stage)}fleet", number), fleet_dashboard.body(config, chunk, canvas))
            for number, chunk in enumerate(fleet, start=1)
        ),
        *(
            Dashboard(dashboard_name(stage, endpoint.subject(one)), endpoint_dashboard.body(config, one, canvas))
            for one in config.endpoints
        ),
        *(
            Dashboard(_numbered(f"{name_prefix(stage)}hosts", number), host_dashboard.body(config, chunk, canvas))
            for number, chunk in enumerate(hosts, start=1)
        ),
    )


def platform_dashboard(config: "Config", names: PlatformNames, *, region: str, alarm_arn_prefix: str) -> Dashboard:
    """mlwarden's own health."""
    name = f"{name_prefix(config.deployment.stage)}platform"
    return Dashboard(name, platform.body(config, names, Canvas(region, alarm_arn_prefix)))


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
