"""The facts of the deployed alarms, from the layer that was deployed with them."""

from functools import cache
from importlib import resources

from core.catalogue import facts
from core.catalogue.facts import Facts

PACKAGE = "mlwarden_deployed"


@cache
def load() -> dict[str, Facts]:
    """Facts by alarm name; read once a process."""
    return facts.decode((resources.files(PACKAGE) / "alarms.json").read_text(encoding="utf-8"))
