"""`mlwarden incidents`: what is wrong, what was told of it and why; silences; and simulation."""

import argparse

from cli import incidents_list, incidents_replay, incidents_silence, incidents_simulate


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser("incidents", help="incidents, silences, and what would be told of events")
    own = parser.add_subparsers(dest="incidents_command", required=True, metavar="command")
    for module in (incidents_list, incidents_silence, incidents_replay, incidents_simulate):
        module.add_to(own)
