"""What a deployment consists of, by logical name and before there is a CDK app: for lint and for the facts layer."""

from core.catalogue import alarms as catalogue
from core.catalogue import direct, platform
from core.catalogue.alarm import Alarm, Severity
from core.config import Config

FUNCTIONS = ("Widget", "Router", "Notifier", "Responder", "Sweeper", "Recommender")
ACTIONS = "Actions"
"""The function behind the page for links that act, where the configuration wants one."""
DEAD_LETTERS = ("Events", "Investigations", "Notifications", "Reports", "Rules")
"""Queues `<name>DeadLetters`. Reports keeps runs of the recommender, Rules what EventBridge could not deliver."""


def alarms(config: Config) -> tuple[Alarm, ...]:
    """Every alarm, the platform's own with logical instead of physical names in their dimensions."""
    functions = (*FUNCTIONS, ACTIONS) if config.notifications.actions_page else FUNCTIONS
    names = platform.PlatformNames(
        functions={name.lower(): name for name in functions},
        dead_letters={name.lower(): name for name in DEAD_LETTERS},
        topics={severity.value: severity.value for severity in Severity},
    )
    return (*monitoring(config), *platform.alarms(config, names))


def monitoring(config: Config) -> tuple[Alarm, ...]:
    """The alarms of endpoints and hosts, and over them those that page while mlwarden's functions do not."""
    own = catalogue.compute(config)
    return (*own, *direct.composites(config, own))
