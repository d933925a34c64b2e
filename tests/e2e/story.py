"""The bad-deploy scenario from deployment to resolve, as plain values; a program too, for a second process to run."""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.config import load
from local.journal import Entry
from local.messages import Message
from local.scenarios.bad_deploy import BadDeploy
from tests.e2e.deployed import START, Deployed, deployed_at

HEALTHY = timedelta(minutes=40)
BROKEN = timedelta(minutes=10)
MENDED = timedelta(minutes=20)

DEAD_LETTERS = (
    "EventsDeadLetters",
    "InvestigationsDeadLetters",
    "NotificationsDeadLetters",
    "ReportsDeadLetters",
    "RulesDeadLetters",
)


@dataclass(frozen=True, slots=True)
class Told:
    """One run.

    `depths` are messages by queue at its end, `items` the table's, `beats` how many heartbeats arrived, `denied` what
    roles tried and may not.
    """

    broken_at: datetime
    mended_at: datetime
    messages: list[Message]
    journal: list[Entry]
    depths: dict[str, int]
    items: list[dict[str, Any]]
    beats: float
    denied: list[str]

    def about(self, subject: str) -> list[Message]:
        """The messages that name `subject` in their own subject line."""
        return [message for message in self.messages if f" {subject}:" in message.subject]

    def fired(self, prefix: str) -> list[str]:
        """The alarms that went into ALARM, in order, of those whose names start with `prefix`."""
        changes = (entry.facts for entry in self.journal if entry.kind == "alarm" and entry.facts["new"] == "ALARM")
        return [str(facts["name"]) for facts in changes if str(facts["name"]).startswith(prefix)]

    def lasting(self) -> str:
        """All of it that does not depend on how fast this machine is, as JSON."""
        journal = [
            (entry.kind, entry.time, {key: value for key, value in entry.facts.items() if key != "duration_ms"})
            for entry in self.journal
        ]
        return json.dumps([[asdict(message) for message in self.messages], journal, self.items], default=str, indent=1)


def tell(deployed: Deployed) -> Told:
    """Run the scenario on a fresh deployment: healthy, broken, mended."""
    clock = deployed.world.clock
    with BadDeploy(deployed.world, deployed.config.endpoints[0]) as scenario:
        scenario.create()
        clock.advance(HEALTHY)
        broken_at = clock.now()
        scenario.break_it()
        clock.advance(BROKEN)
        mended_at = clock.now()
        scenario.mend_it()
        clock.advance(MENDED)
    return Told(
        broken_at=broken_at,
        mended_at=mended_at,
        messages=deployed.messages(),
        journal=list(deployed.world.journal.since(0)),
        depths={name: deployed.depth(name) for name in ("Events", "Investigations", "Notifications", *DEAD_LETTERS)},
        items=deployed.aws.get("dynamodb").scan(TableName=deployed.physical("Incidents"))["Items"],
        beats=deployed.metric("mlwarden", "Heartbeat", Stage=deployed.config.deployment.stage),
        denied=[
            f"{used.role} {used.action} {used.resource}" for used in deployed.world.access.usage if not used.allowed
        ],
    )


def main(assembly: Path, config: Path) -> None:
    """Print `lasting` of a run."""
    with deployed_at(START, assembly, load(config.read_text())) as deployed:
        print(tell(deployed).lasting())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
