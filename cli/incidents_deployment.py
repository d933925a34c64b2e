"""Which deployment the commands speak of, and where its table and queues are."""

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cli import aws
from cli.assembly import load_config
from cli.errors import CommandError

_TABLE, _QUEUE = "AWS::DynamoDB::Table", "AWS::SQS::Queue"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment's stage and incident table, and what time it is there."""

    stage: str
    table: str
    now: datetime

    def dead_letters(self, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """The URLs of the dead-letter queues of the queues with these names, with the names."""
        found = aws.resources(f"mlwarden-{self.stage}-reactions")
        urls = tuple(
            (name, one.physical)
            for name in names
            for one in found
            if one.kind == _QUEUE and one.logical.startswith(f"{name.capitalize()}DeadLetters")
        )
        if len(urls) != len(names):
            raise CommandError(f"stack mlwarden-{self.stage}-reactions has not the dead-letter queues of {names}")
        return urls


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that speaks to a deployment."""
    parser.add_argument("--config", type=Path, default=Path("config/default.toml"), help="whose deployment")
    parser.add_argument("--stage", default="", help="the deployment of this stage instead of the configuration's")
    parser.add_argument("--table", default="", metavar="NAME", help="the incident table, when it is known")
    parser.add_argument("--endpoint-url", default="", metavar="URL", help="speak to this AWS, such as an embedded one")
    parser.add_argument("--region", default="", help="speak to this region (default: the environment's)")


@contextlib.contextmanager
def found(options: argparse.Namespace) -> Iterator[Deployment]:
    """The deployment that the options name, while its AWS is spoken to; raises CommandError when there is none."""
    stage = options.stage or load_config(options.config).deployment.stage
    with aws.account(endpoint=options.endpoint_url, region=options.region):
        yield Deployment(stage, options.table or _table(stage), aws.now(options.endpoint_url))


def _table(stage: str) -> str:
    stack = f"mlwarden-{stage}-notifications"
    tables = [
        one.physical for one in aws.resources(stack) if one.kind == _TABLE and one.logical.startswith("Incidents")
    ]
    if not tables:
        raise CommandError(f"stack {stack} has no incident table")
    return tables[0]
