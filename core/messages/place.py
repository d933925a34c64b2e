"""Where the deployment is, as far as messages link there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The stage, the base URL of the runbooks, and that of the actions page (empty: there is none)."""

    stage: str
    runbooks: str
    actions: str = ""
