"""`mlwarden backtest`: what a configuration's alarms would have done over the last days."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cli import aws, outcomes
from cli.assembly import load_config
from cli.errors import CommandError
from cli.progress import Bar
from core.catalogue import alarms
from local.backtest import csv_files, replay
from local.backtest.csv_files import CsvError
from local.backtest.fetch import Range, fetch
from local.backtest.replay import Planned
from local.cloudwatch.store import Store

DONE, OVER_BUDGET = 0, 3
MOST_DAYS = 15
"""CloudWatch keeps one-minute datapoints for 15 days."""
_DAY = 86_400


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("backtest", help="replay a configuration's alarms over history")
    parser.add_argument("--config", type=Path, default=Path("config/default.toml"), help="whose alarms")
    parser.add_argument("--days", type=_days, default=14.0, help="how far back, 1 to 15 (default 14)")
    parser.add_argument(
        "--end", type=_instant, help="the end of the history, ISO 8601 (default: now, or the CSV's end)"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--csv", type=Path, nargs="+", metavar="FILE", help="history from CSV files")
    source.add_argument(
        "--from-endpoint", default="", metavar="URL", help="ask this CloudWatch, such as an embedded one"
    )
    parser.add_argument("--region", default="", help="ask CloudWatch in this region (default: the environment's)")
    parser.add_argument("--pages-per-week", type=_budget, metavar="N", help="exit with 3 when more than N a week page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay; returns 0, or 3 when the budget of pages is exceeded."""
    config = load_config(options.config)
    planned = replay.plans(alarms.compute(config), config)
    if not planned:
        raise CommandError(f"{options.config} has neither endpoints nor hosts, so no alarms to replay")
    store, span = _history(options, planned)
    with Bar("replaying") as bar:
        found = replay.run(planned, store, span, bar)
    summary = outcomes.summary(found, span, budget=options.pages_per_week)
    if options.json:
        print(json.dumps(outcomes.as_json(found, summary), indent=2))
    else:
        print(outcomes.table(found, summary))
    return OVER_BUDGET if summary.exceeded else DONE


def _history(options: argparse.Namespace, planned: Sequence[Planned]) -> tuple[Store, Range]:
    """The store and the span to replay, lead-in included."""
    length = int(options.days * _DAY) + replay.lead_in(planned)
    if options.csv:
        try:
            with Bar("reading") as bar:
                store, whole = csv_files.read(options.csv, bar)
        except CsvError as error:
            raise CommandError(str(error)) from error
        end = min(whole.end, int(options.end.timestamp())) if options.end else whole.end
        return store, Range(max(whole.start, end - length), end)
    end = int((options.end or datetime.now(UTC)).timestamp()) // 60 * 60
    span = Range(end - length, end)
    get = aws.get_metric_data(endpoint=options.from_endpoint, region=options.region)
    with Bar("fetching") as bar:
        return fetch(get, replay.stats(planned), span, bar), span


def _days(text: str) -> float:
    days = _number(text)
    if not 0 < days <= MOST_DAYS:
        raise argparse.ArgumentTypeError(
            f"{text} is not above 0 and at most {MOST_DAYS}: one-minute data go no further"
        )
    return days


def _budget(text: str) -> float:
    budget = _number(text)
    if budget < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return budget


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ISO 8601, such as 2026-11-01T09:00:00Z") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
