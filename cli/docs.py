"""`mlwarden docs`: what is generated from the catalogue and the configuration, and a check that none is stale."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

from cli.assembly import ROOT, load_config
from cli.errors import CommandError
from core import config
from core.catalogue import alarms, metrics, platform, tiers
from core.catalogue.alarm import Alarm, Comparison, MetricAlarm
from core.catalogue.metric import Metric
from core.catalogue.tiers import Tier

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MADE = "Made by `make docs` from the catalogue; a change here is lost."
PLATFORM = platform.PlatformNames(
    functions={"router": "router"}, dead_letters={"events": "events"}, topics={"critical": "critical"}
)
"""One of each: every function, dead-letter queue and topic has the same alarms."""
METRICS_HEAD = ("| metric | unit | dimensions | statistics | when emitted |", "|---|---|---|---|---|")
AGENT = "CWAgent"
SIGNS = {
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: "≥",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "≤",
}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("docs", help="write the generated pages of docs/ and config/schema.json")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page or a link is stale")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pages, or check them; raises CommandError naming every stale page and broken link."""
    pages = generated()
    if not options.check:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
        return 0
    stale = [
        f"{path.relative_to(ROOT)} is stale; `make docs` writes it anew"
        for path, text in pages.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    wrong = stale + [f"{page.relative_to(ROOT)}: no file behind the link {link}" for page, link in broken_links()]
    if wrong:
        raise CommandError("the docs are not right:\n" + "\n".join(wrong))
    return 0


def generated() -> dict[Path, str]:
    """Each generated file's path and what it must hold."""
    reference = ROOT / "docs" / "reference"
    return {
        reference / "metrics.md": metrics_page(),
        reference / "alarms.md": alarms_page(),
        ROOT / "config" / "schema.json": json.dumps(config.schema(), indent=2) + "\n",
    }


def metrics_page() -> str:
    """The catalogue of metrics as a table a namespace."""
    lines = ["# Metrics", MADE, "", "Every metric that an alarm or a dashboard may use.", ""]
    for namespace in sorted({metric.namespace for metric in metrics.ALL}):
        lines += [f"## {namespace}", "", *(_tiers() if namespace == AGENT else ()), *METRICS_HEAD]
        lines += [_metric_row(metric) for metric in metrics.ALL if metric.namespace == namespace]
        lines.append("")
    return "\n".join(lines)


def _tiers() -> Iterator[str]:
    """How many series each of the agent's tiers has, and which."""
    yield "A healthy host with one file system sends so many series; `full` sends all that there are."
    yield ""
    yield "| tier | without GPUs | with 1 GPU | with 8 GPUs |"
    yield "|---|---|---|---|"
    for tier in (Tier.LEAN, Tier.STANDARD):
        counts = (str(tiers.series(tier, gpus=gpus)) for gpus in (0, 1, 8))
        yield f"| {tier} | {' | '.join(counts)} |"
    yield ""
    for what, group in (
        ("`lean`, of a host", tiers.LEAN_HOST),
        ("`lean`, of its GPUs together", tiers.GPUS_TOGETHER),
        ("`standard` adds of a host", tiers.STANDARD_HOST[len(tiers.LEAN_HOST) :]),
        ("`standard` adds of a host without GPUs", tiers.STANDARD_WITHOUT_GPUS),
        ("`standard` adds of each GPU", tiers.STANDARD_GPU),
    ):
        yield f"- {what} ({len(group)}): {', '.join(metric.name for metric in group)}"
    yield ""


def _metric_row(metric: Metric) -> str:
    sets = "<br>".join(", ".join(sorted(names)) or "none" for names in metric.dimension_sets)
    source = f"[{metric.name}]({metric.source})" if metric.source.startswith("https://") else metric.name
    return f"| {source} | {metric.unit} | {sets} | {', '.join(metric.statistics)} | {metric.emitted} |"


def alarms_page() -> str:
    """The alarms that the default configuration makes."""
    settings = load_config(ROOT / "config" / "default.toml")
    computed = (*alarms.compute(settings), *platform.alarms(settings, PLATFORM))
    lines = [
        "# Alarms",
        MADE,
        "",
        "What `config/default.toml` makes, and of mlwarden's own alarms those of one function, dead-letter queue and",
        "topic; the others have the same. Thresholds are in the unit that people read. Announced: an `incident` is",
        "told on its own, `context` as a symptom of its parent's, `direct` by the alarm itself, past the functions.",
        "",
        "| alarm | fires when | missing data | severity | announced |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_alarm_row(alarm) for alarm in computed), ""])


def _alarm_row(alarm: Alarm) -> str:
    name = f"[{alarm.name}](../runbooks/{alarm.runbook}.md)"
    if not isinstance(alarm, MetricAlarm):
        return f"| {name} | {alarm.title}: {', '.join(alarm.children)} | - | {alarm.severity} | {alarm.delivery} |"
    threshold = f"{alarm.threshold * alarm.display.scale:g} {alarm.display.unit}".strip()
    minutes = alarm.period.total_seconds() / 60
    when = (
        f"{alarm.title}: {SIGNS[alarm.comparison]} {threshold}"
        f" in {alarm.datapoints} of {alarm.periods} periods of {minutes:g} min"
    )
    return f"| {name} | {when} | {alarm.missing} | {alarm.severity} | {alarm.delivery} |"


def broken_links() -> Iterator[tuple[Path, str]]:
    """Each relative link of a Markdown page that leads to no file."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in sorted(pages):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = link.split("#")[0]
            if target and "://" not in target and not (page.parent / target).exists():
                yield page, link
