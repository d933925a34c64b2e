"""The report: all sources' recommendations fused, ranked by saving, as JSON and as text."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from core.incidents import instants
from core.messages import graphemes, layout
from core.messages.figures import date, plain
from core.messages.limits import MAX_FIRST_LINE, MAX_SUBJECT
from core.rightsizing.recommendation import Action, Answer, Recommendation, Source

MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class Report:
    """One day's report; `notes` say what a source could not say."""

    stage: str
    at: datetime
    recommendations: tuple[Recommendation, ...]
    notes: tuple[str, ...]

    @property
    def key(self) -> str:
        """Where the report is kept in its bucket."""
        return f"reports/{self.at:%Y-%m-%d}.json"

    @property
    def totals(self) -> dict[str, float]:
        """The savings a month by currency; recommendations that cost more are not set off."""
        totals: dict[str, float] = {}
        for found in self.recommendations:
            if found.saving is not None and found.saving.amount > 0:
                currency = found.saving.currency
                totals[currency] = round(totals.get(currency, 0.0) + found.saving.amount, 2)
        return totals


def compose(answers: Iterable[Answer], *, stage: str, now: datetime) -> Report:
    """Fuse what several sources say of one resource, and rank: the greatest saving first, unknown ones last."""
    answers = tuple(answers)
    fused = _fuse([found for answer in answers for found in answer.recommendations])
    fused.sort(key=lambda found: (-(found.saving.amount if found.saving else -1.0), found.kind, found.resource))
    return Report(stage, now, tuple(fused), tuple(note for answer in answers for note in answer.notes))


def _fuse(found: Sequence[Recommendation]) -> list[Recommendation]:
    """One recommendation a resource: the sources come with the most detailed first, the others become `also`."""
    fused: dict[tuple[str, bool], Recommendation] = {}
    for entry in found:
        key = (_same(entry.resource), entry.action is Action.OTHER)
        known = fused.get(key)
        if known is None:
            fused[key] = entry
        elif entry.source is not known.source:
            evidence = (*known.evidence, *(text for text in entry.evidence if text not in known.evidence))
            fused[key] = replace(
                known, saving=known.saving or entry.saving, evidence=evidence, also=(*known.also, entry.source)
            )
        else:
            fused[(f"{key[0]}#{len(fused)}", key[1])] = entry
    return list(fused.values())


def _same(resource: str) -> str:
    """ARNs of one resource differ in case between services: SageMaker's endpoint names do."""
    return resource.lower()


def data(report: Report) -> dict[str, Any]:
    """The report as JSON can say it, with every figure of the text."""
    return {
        "version": 1,
        "stage": report.stage,
        "at": instants.show(report.at),
        "monthly_savings": report.totals,
        "recommendations": [
            {name: value for name, value in asdict(found).items() if value not in (None, "", (), [])}
            for found in report.recommendations
        ],
        "notes": list(report.notes),
    }


def subject(report: Report) -> str:
    """The mail's subject."""
    return graphemes.shorten(layout.ascii_only(f"[INFO] {_headline(report)} - {report.stage}"), MAX_SUBJECT)


def text(report: Report, *, location: str) -> str:
    """The mail's text; `location` is where the whole report lies."""
    lines = [graphemes.shorten(f"INFO {_headline(report)}, as of {date(report.at)}", MAX_FIRST_LINE)]
    for number, found in enumerate(report.recommendations[:MAX_LISTED], start=1):
        lines += ["", *layout.paragraph(f"{number}. {_title(found)}", hanging="   ")]
        lines += [line for fact in _facts(found) for line in layout.paragraph(fact, indent="   - ", hanging="     ")]
    unlisted = len(report.recommendations) - MAX_LISTED
    if unlisted > 0:
        lines += ["", f"+{unlisted} more in the report"]
    lines += layout.section("NOT SAID", layout.bullets(report.notes))
    lines += ["", "REPORT", location]
    return "\n".join(lines) + "\n"


def _headline(report: Report) -> str:
    count = len(report.recommendations)
    noun = "recommendation" if count == 1 else "recommendations"
    saved = " and ".join(f"{plain(round(amount, 2))} {currency}" for currency, amount in sorted(report.totals.items()))
    return f"rightsizing: {count} {noun}" + (f" save {saved} a month" if saved else "")


def _title(found: Recommendation) -> str:
    change = " -> ".join(part for part in (found.current, found.proposed) if part)
    action = found.detail if found.action is Action.OTHER else found.action.value
    return f"{_money(found)}: {action} {found.kind} {found.name}{f' ({change})' if change else ''}"


def _money(found: Recommendation) -> str:
    if found.saving is None:
        return "saving not stated"
    amount = plain(round(abs(found.saving.amount), 2))
    verb = "saves" if found.saving.amount >= 0 else "costs"
    return f"{verb} {amount} {found.saving.currency} a month"


def _facts(found: Recommendation) -> list[str]:
    detail = [found.detail] if found.detail and found.action is not Action.OTHER else []
    sources: list[Source] = [found.source, *found.also]
    return [*detail, *found.evidence, f"source: {', '.join(source.value for source in sources)}"]
