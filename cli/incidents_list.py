"""`mlwarden incidents list` and `show`: what is wrong, and all that happened in one incident."""

import argparse
import json
from datetime import datetime, timedelta

from cli import incidents_deployment
from cli.errors import CommandError
from core.channels import listing
from core.channels.listing import Line
from lambdas.adapters import audit

MAX_DAYS = 400
SHAPE = "INC-YYYYMMDD-xxxxxxxx"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser of `mlwarden incidents`."""
    parser = commands.add_parser("list", help="the incidents that run, worst first")
    parser.add_argument("--days", type=days, default=0, metavar="N", help="also those that opened in the last N days")
    parser.add_argument("--owner", default="", help="only this owner's")
    parser.add_argument("--json", action="store_true", help="print a JSON array instead of a table")
    incidents_deployment.add_options(parser)
    parser.set_defaults(run=run_list)
    parser = commands.add_parser("show", help="one incident's events, decisions, messages and actions")
    parser.add_argument("incident", help=f"its id, {SHAPE}")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of text")
    incidents_deployment.add_options(parser)
    parser.set_defaults(run=run_show)


def run_list(options: argparse.Namespace) -> int:
    """Print the list."""
    with incidents_deployment.found(options) as deployment:
        now = deployment.now
        lines = lately(deployment.table, options.days, now)
    lines = tuple(line for line in lines if not options.owner or line.owner == options.owner)
    if options.json:
        print(json.dumps([listing.data(line, now) for line in lines], indent=2, ensure_ascii=False))
    elif lines:
        print(listing.table(lines, now))
    else:
        print("no incidents" if options.days else "no open incidents")
    return 0


def lately(table: str, back: int, now: datetime) -> tuple[Line, ...]:
    """The incidents that run, and those that opened in the last `back` days, worst first and each once."""
    found = {line.id: line for line in audit.running(table)}
    for ago in range(back + 1 if back else 0):
        # The base table is read consistently, so it knows better than the index.
        found |= {line.id: line for line in audit.opened(table, now - timedelta(days=ago))}
    return listing.ordered(found.values())


def run_show(options: argparse.Namespace) -> int:
    """Print one incident and its audit trail."""
    with incidents_deployment.found(options) as deployment:
        now = deployment.now
        line = find(deployment.table, options.incident)
        entries = audit.trail(deployment.table, line, now)
    if options.json:
        data = {**listing.data(line, now), "trail": [listing.entry_data(entry) for entry in entries]}
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        print(f"{listing.table([line], now)}\n\ngroup {line.group} to {line.receiver}\n\n{listing.trail(entries)}")
    return 0


def find(table: str, identity: str) -> Line:
    """The incident of that id; raises CommandError when there is none."""
    line = audit.find(table, identity) if identity.startswith("INC-") else None
    if line is None:
        raise CommandError(f"there is no incident {identity}; `mlwarden incidents list --days 7` has the last week's")
    return line


def days(text: str) -> int:
    """A number of days of the command line."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 0 to {MAX_DAYS}")
    return int(text)
