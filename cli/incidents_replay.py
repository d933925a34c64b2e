"""`mlwarden incidents replay`: what did not arrive is sent again, and nothing else.

Events and orders in dead-letter queues go back to their queues: what was handled before changes nothing there, since
its marker is in the table. Deliveries that were given up are owed again; those that arrived stay as they are.
"""

import argparse
import json

from cli import aws, incidents_deployment, incidents_list
from cli.incidents_deployment import Deployment
from lambdas.adapters import replay

QUEUES = ("events", "investigations", "notifications")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `mlwarden incidents`."""
    parser = commands.add_parser("replay", help="send what did not arrive: dead letters and deliveries given up")
    parser.add_argument("incidents", nargs="*", metavar="INCIDENT", help="only these incidents' deliveries")
    parser.add_argument("--days", type=incidents_list.days, default=1, metavar="N", help="look back (default 1)")
    parser.add_argument("--refused", action="store_true", help="also what a channel refused, after it was mended")
    parser.add_argument("--queue", choices=QUEUES, action="append", help="only this queue's dead letters")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent and send nothing")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of text")
    incidents_deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay, and say how much."""
    with incidents_deployment.found(options) as deployment:
        letters = {} if options.incidents else _letters(deployment, options)
        deliveries = 0 if options.queue else _deliveries(deployment, options)
    if options.json:
        print(json.dumps({"dry_run": options.dry_run, "dead_letters": letters, "deliveries": deliveries}, indent=2))
        return 0
    done = "would go" if options.dry_run else "go"
    for name, count in letters.items():
        print(f"{count} dead letters {done} back to the {name} queue")
    if not options.queue:
        print(f"{deliveries} deliveries {'would be' if options.dry_run else 'are'} owed again, sent within a minute")
    return 0


def _letters(deployment: Deployment, options: argparse.Namespace) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, url in deployment.dead_letters(tuple(options.queue or QUEUES)):
        arn, counts[name] = aws.waiting(url)
        if counts[name] and not options.dry_run:
            aws.redrive(arn)
    return counts


def _deliveries(deployment: Deployment, options: argparse.Namespace) -> int:
    table, now = deployment.table, deployment.now
    lines = (
        [incidents_list.find(table, identity) for identity in options.incidents]
        if options.incidents
        else incidents_list.lately(table, options.days, now)
    )
    places = [place for line in lines for place in replay.missing(table, line, refused=options.refused)]
    return len(places) if options.dry_run else sum(replay.again(table, place, now=now) for place in places)
