"""`mlwarden incidents silence create | list | expire`."""

import argparse
import getpass
import json
from datetime import datetime, timedelta

from cli import incidents_deployment
from cli.errors import CommandError
from cli.incidents_silences import duration, shown
from core.channels.listing import printable
from core.incidents import instants, matchers, silences
from core.incidents.policy import Matcher
from core.incidents.silences import Silence
from lambdas.adapters import silences as kept


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its own commands to the parser of `mlwarden incidents`."""
    parser = commands.add_parser("silence", help="create, list and expire silences")
    own = parser.add_subparsers(dest="silence_command", required=True, metavar="command")
    create = own.add_parser("create", help="tell nobody of the alerts that fit all matchers, for a while")
    create.add_argument(
        "matchers", nargs="+", metavar="MATCHER", help='such as subject="ranker" or severity!="critical"'
    )
    create.add_argument("--duration", type=_duration, default=timedelta(hours=1), help="how long (default 1h)")
    create.add_argument("--start", type=_instant, help="from when, ISO 8601 (default: now)")
    create.add_argument("--comment", required=True, help="why")
    create.add_argument("--author", default="", help="who silences (default: the user of this machine)")
    create.set_defaults(run=run_create)
    listed = own.add_parser("list", help="the silences that are active or still to come")
    listed.add_argument("--all", action="store_true", help="those that have ended too, as far as they are kept")
    listed.set_defaults(run=run_list)
    expire = own.add_parser("expire", help="end silences now")
    expire.add_argument("ids", nargs="+", metavar="ID")
    expire.set_defaults(run=run_expire)
    for command in (create, listed, expire):
        command.add_argument("--json", action="store_true", help="print JSON instead of text")
        incidents_deployment.add_options(command)


def run_create(options: argparse.Namespace) -> int:
    """Create a silence and print it."""
    with incidents_deployment.found(options) as deployment:
        now = deployment.now
        made = _created(options, now)
        kept.put(deployment.table, made)
    _print((made,), now, as_json=options.json)
    return 0


def _created(options: argparse.Namespace, now: datetime) -> Silence:
    starts_at = options.start or now
    try:
        return silences.create(
            _matchers(options.matchers),
            starts_at=starts_at,
            ends_at=max(starts_at, now) + options.duration,
            created_by=options.author or getpass.getuser(),
            comment=options.comment,
            now=now,
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


def run_list(options: argparse.Namespace) -> int:
    """Print the silences, the one that ends first at the top."""
    with incidents_deployment.found(options) as deployment:
        now = deployment.now
        found = kept.load(deployment.table)
    wanted = sorted(
        (each for each in found if options.all or each.ends_at > now), key=lambda each: (each.ends_at, each.id)
    )
    _print(tuple(wanted), now, as_json=options.json)
    return 0


def run_expire(options: argparse.Namespace) -> int:
    """End the silences; raises CommandError for one that is not there or over, before any is ended."""
    with incidents_deployment.found(options) as deployment:
        now = deployment.now
        known = {each.id: each for each in kept.load(deployment.table)}
        ended = tuple(_expired(known, identity, now) for identity in options.ids)
        for each in ended:
            kept.put(deployment.table, each)
    _print(ended, now, as_json=options.json)
    return 0


def _expired(known: dict[str, Silence], identity: str, now: datetime) -> Silence:
    if identity not in known:
        raise CommandError(f"there is no silence {identity}; `mlwarden incidents silence list` has those that are")
    try:
        return silences.expire(known[identity], now=now)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _matchers(texts: list[str]) -> tuple[Matcher, ...]:
    return tuple(matcher for text in texts for matcher in matchers.parse(text))


def _print(found: tuple[Silence, ...], now: datetime, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([shown(each) for each in found], indent=2, ensure_ascii=False))
        return
    for each in found:
        state = "active" if each.active(now) else "ended" if each.ends_at <= now else "to come"
        fits = ", ".join(map(str, each.matchers))
        times = f"{instants.show(each.starts_at)} to {instants.show(each.ends_at)}"
        print(printable(f"{each.id}  {state}  {times}  {fits}  by {each.created_by}: {each.comment}"))
    if not found:
        print("no silences")


def _duration(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _instant(text: str) -> datetime:
    try:
        return instants.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
