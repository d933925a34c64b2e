"""What was deployed with the functions, from the layer that was deployed with them: alarms, policy, templates."""

from functools import cache
from importlib import resources

from core.catalogue import facts
from core.catalogue.facts import Facts
from core.incidents import policyfile
from core.incidents.policy import Policy
from core.messages import templates as texts
from core.messages.templates import Templates

PACKAGE = "mlwarden_deployed"


@cache
def load() -> dict[str, Facts]:
    """Facts by alarm name; read once a process."""
    return facts.decode(_read("alarms.json"))


@cache
def policy() -> Policy:
    """Routes, receivers, inhibitions and limits; read once a process."""
    return policyfile.decode(_read("policy.json"))


@cache
def templates() -> Templates:
    """The users' own message templates; read once a process."""
    return texts.decode(_read("templates.json"))


def _read(name: str) -> str:
    return (resources.files(PACKAGE) / name).read_text(encoding="utf-8")
