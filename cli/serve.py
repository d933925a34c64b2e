"""`mlwarden serve`: the embedded AWS in the foreground, for the AWS CLI, any SDK and the CDK CLI."""

import argparse
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli import assembly
from cli.errors import CommandError
from cli.store import Store
from local import server
from local.clock import Clock
from local.deployer import deploy
from local.pace import Pace
from local.world import Conditions, World

MAX_DELAY_SECONDS = 86_400

MAX_PORT = 65535


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("serve", help="run the embedded AWS in the foreground, until Ctrl-C")
    parser.add_argument("--port", type=port, default=4566, help="port on 127.0.0.1 (default 4566; 0 takes a free one)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--empty", action="store_true", help="deploy nothing")
    what.add_argument("--config", type=Path, default=Path("config/default.toml"), help="what to deploy")
    parser.add_argument("--clock", choices=("wall", "virtual"), default="wall", help="virtual stands still until told")
    parser.add_argument("--start", type=_instant, help="the clock's first instant, ISO 8601 (default: now)")
    parser.add_argument(
        "--ingestion-delay",
        type=_delay,
        default=timedelta(0),
        metavar="SECONDS",
        help="how old a period is before alarms are evaluated on it (default 0)",
    )
    parser.add_argument(
        "--duplicate-events", action="store_true", help="events, queues, SNS and Lambda deliver twice, out of order"
    )
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="keep CloudWatch's metrics, alarms, dashboards and the clock's instant there from one run to the next",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    folder = None if options.empty else assembly.assembly(options.config)
    store = Store(options.store) if options.store is not None else None
    kept = store.load() if store else None

    def beginning() -> datetime:
        """A kept instant goes on; where the clock follows the wall's, it does not stay behind that."""
        if kept is None:
            return options.start or _now()
        return max(kept.now, _now()) if options.clock == "wall" and options.start is None else kept.now

    clock = Clock(beginning())
    conditions = Conditions(ingestion_delay=options.ingestion_delay, duplicate_events=options.duplicate_events)

    def prepare(world: World) -> None:
        if folder is not None:
            deployment = deploy(world, folder)
            clock.settle()
            print(f"deployed {', '.join(deployment.stacks)}", flush=True)
        if store and kept:
            store.restore(world, kept)

    more: dict[str, Any] = {"keep": store.keep} if store else {}
    if options.clock == "wall" and options.start is None:
        more["restart"] = beginning
    with start(clock, port=options.port, conditions=conditions, prepare=prepare, **more) as running:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        print(f"serving AWS on {running.url} (account {running.world.account}, {running.world.region})", flush=True)
        print(f"try: aws --endpoint-url {running.url} cloudwatch describe-alarms", flush=True)
        pace = Pace(clock)
        if options.clock == "wall":
            pace.start()
        stopped.wait()
        pace.stop()
        return store.save(running.world) if store else 0


def start(clock: Clock, *, port: int, **more: Any) -> server.Running:
    """Start the server, `more` as `local.server.start` takes it; raises CommandError when the port is taken."""
    try:
        return server.start(clock=clock, port=port, **more)
    except OSError as error:
        raise CommandError(f"--port {port}: {error.strerror or error}") from error


def port(text: str) -> int:
    """A port of the command line."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text} is not a port; 0 (a free one) to {MAX_PORT} would be right")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _delay(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_DELAY_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {MAX_DELAY_SECONDS}")
    return timedelta(seconds=seconds)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ISO 8601, such as 2026-11-01T09:00:00Z") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
