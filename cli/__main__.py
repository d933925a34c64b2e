"""`mlwarden` or `python -m cli`: one parser, one module a command."""

import argparse
import sys
from collections.abc import Sequence

from cli import alarm_tests, backtest, demo, docs, incidents, serve
from cli.errors import CommandError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 an error that is said in a line, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="mlwarden", description="Monitoring for machine learning on AWS.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for module in (demo, serve, alarm_tests, backtest, incidents, docs):
        module.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"mlwarden: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
