"""What a deployment consists of, by logical name and before there is a CDK app: for lint and for the facts layer."""

from core.catalogue import alarms as catalogue
from core.catalogue import platform
from core.catalogue.alarm import Alarm, Severity
from core.config import Config

FUNCTIONS = ("Router", "Notifier", "Responder", "Recommender")
DEAD_LETTERS = ("Events", "Investigations", "Notifications", "Reports", "Rules")
"""Queues `<name>DeadLetters`. Reports keeps runs of the recommender, Rules what EventBridge could not deliver."""


def alarms(config: Config) -> tuple[Alarm, ...]:
    """Every alarm, the platform's own with logical instead of physical names in their dimensions."""
    names = platform.PlatformNames(
        functions={name.lower(): name for name in FUNCTIONS},
        dead_letters={name.lower(): name for name in DEAD_LETTERS},
        topics={severity.value: severity.value for severity in Severity},
    )
    return (*catalogue.compute(config), *platform.alarms(config, names))
