"""`mlwarden-agent run | check-config | doctor | cost`, and `--once --sink stdout` to look at one window."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from agent import __version__, footprint, identity, job, lane, logs, reload, sources
from agent.clock import ClockError, SystemClock
from agent.config import SINKS, Config, ConfigError, load
from agent.notify import Notifier

COMMANDS = {
    "run": "until told to stop; SIGHUP reads the configuration again",
    "check-config": "say whether the configuration is valid",
    "doctor": "look for what would keep the agent from its work, and say what helps",
    "cost": "what this host's metrics would cost, before any is sent",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status.

    0; 1 for what could not be sent (`--once`) or what `doctor` found; 2 for what could not start.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    quiet = options.once or options.command in {"doctor", "cost"}
    level = logging.ERROR if options.command != "run" else logging.WARNING if quiet else logging.INFO
    logs.start(level, paced=(lane.SENT,))
    try:
        return command(options)
    except (ConfigError, ClockError) as error:
        for problem in str(error).splitlines():
            print(f"mlwarden-agent: {problem}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; `run` is what is meant where no command is named."""
    parser = argparse.ArgumentParser(
        prog="mlwarden-agent",
        # A width, because to find the terminal's takes modules that nothing else needs.
        formatter_class=partial(argparse.HelpFormatter, width=100),
        description=__doc__,
        epilog="; ".join(f"{name}: {meaning}" for name, meaning in COMMANDS.items()),
    )
    parser.add_argument("--version", action="version", version=f"mlwarden-agent {__version__}")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), default="run")
    parser.add_argument(
        "--config",
        default="",
        metavar="SOURCE",
        help="a TOML or JSON file, or ssm:/name/of/parameter "
        f"(default: ${sources.ENVIRONMENT_VARIABLE}, then {sources.DEFAULT_FILE}, then defaults)",
    )
    parser.add_argument(
        "--sink",
        action="append",
        choices=SINKS,
        metavar="NAME",
        help=f"instead of the configuration's: {', '.join(SINKS)}",
    )
    parser.add_argument("--once", action="store_true", help="send one short window and exit")
    parser.add_argument("--hosts", type=int, default=1, metavar="N", help="cost: of so many hosts like this one")
    return parser.parse_args(arguments)


def command(options: argparse.Namespace) -> int:
    """Do what the command line says. Raises ConfigError or ClockError where it cannot start."""
    if options.command == "doctor":
        from agent import doctor

        return doctor.main(lambda: configure(options), from_parameter=options.config.startswith("ssm:"))
    config = configure(options)
    if options.command == "cost":
        from agent import cost

        return cost.main(config, hosts=options.hosts)
    if options.command == "check-config":
        print(describe(config))
        return 0
    if options.once:
        return run_once(config)
    footprint.keep_small()
    reload.run(config, read=lambda: configure(options), notifier=Notifier(os.environ))
    return 0


def configure(options: argparse.Namespace) -> Config:
    """The configuration that the command line and the environment name."""
    clock = SystemClock()
    text = sources.read(options.config, environment=os.environ, region=_region, now=clock.now)
    config = load(text)
    return msgspec.structs.replace(config, sinks=tuple(options.sink)) if options.sink else config


def describe(config: Config) -> str:
    """A valid configuration in two lines."""
    return (
        f"configuration is valid: {', '.join(config.collectors)}\n"
        f"a sample each {config.sample_seconds} s, a window each {config.publish_seconds} s, "
        f"namespace {config.namespace}, sinks {', '.join(config.sinks)}"
    )


def run_once(config: Config) -> int:
    """Two looks, one window, one attempt."""
    work = job.Job(config, in_memory=True)
    try:
        reason = work.once()
    finally:
        work.close()
    if reason:
        print(f"mlwarden-agent: not sent: {reason}", file=sys.stderr)
    return 1 if reason else 0


def _region() -> str:
    return identity.find(instance_id="", host="unused", region="", sys_root=Path("/sys"), environment=os.environ).region


if __name__ == "__main__":
    raise SystemExit(main())
