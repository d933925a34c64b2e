"""All alarms of a configuration but mlwarden's own."""

from typing import TYPE_CHECKING

from core.catalogue import direct, endpoint_alarms, host_alarms, platform
from core.catalogue.alarm import Alarm

if TYPE_CHECKING:
    from core.config import Config

CONDITIONS: frozenset[str] = frozenset(
    (*endpoint_alarms.CONDITIONS, *host_alarms.CONDITIONS, *platform.CONDITIONS, direct.CONDITION)
)
"""Every condition an alarm can have; each has a runbook of that name."""


def compute(config: "Config") -> tuple[Alarm, ...]:
    """Endpoints' alarms, then hosts', in the configuration's order; children stand before their composite."""
    endpoints = [alarm for endpoint in config.endpoints for alarm in endpoint_alarms.alarms(config, endpoint)]
    hosts = [alarm for host in config.hosts for alarm in host_alarms.alarms(config, host)]
    return (*endpoints, *hosts)
