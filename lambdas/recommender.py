"""The recommender: asks AWS's optimizers what could be smaller, and reports it to S3 and by mail.

A source that does not answer, or is not enrolled, is a sentence in the report; the others are reported all the same.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from core.rightsizing import computeoptimizer as optimizer_findings
from core.rightsizing import costhub as hub_findings
from core.rightsizing import inference, report
from core.rightsizing.recommendation import Answer, Recommendation, Source
from core.settings import Recommender
from lambdas.adapters import computeoptimizer, costhub, reports, sagemaker, topics
from lambdas.adapters.attempts import Refused, attempt

JOBS_SINCE = timedelta(days=90)
NOT_ENROLLED = {"OptInRequiredException"}

log = Logger(service="recommender")


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Make today's report; answers with where it lies and how much it found."""
    settings = Recommender.from_environment(os.environ)
    now = datetime.now(UTC)
    answers = (_compute_optimizer(), _cost_hub(), _inference_recommender(now))

    made = report.compose(answers, stage=settings.stage, now=now)

    location = reports.put(settings.bucket, made.key, report.data(made))
    topics.publish(
        settings.topic,
        subject=report.subject(made),
        text=report.text(made, location=location),
        attributes={"severity": "info", "reason": "report"},
    )
    found = {"recommendations": len(made.recommendations), "notes": len(made.notes)}
    log.info("report made", extra=found)
    return {"report": location, **found}


def _compute_optimizer() -> Answer:
    source = Source.COMPUTE_OPTIMIZER
    status = attempt(computeoptimizer.enrollment)
    if isinstance(status, Refused):
        return _refused(source, status, optimizer_findings.ENROL)
    if status != "Active":
        note = optimizer_findings.PENDING if status == "Pending" else optimizer_findings.ENROL
        return Answer(source, notes=(note,))
    notes: list[str] = []
    found: list[Recommendation] = []
    for read, parse in (
        (computeoptimizer.idle, optimizer_findings.idle),
        (computeoptimizer.instances, optimizer_findings.instances),
    ):
        page = attempt(read)
        if isinstance(page, Refused):
            notes += _refused(source, page, optimizer_findings.ENROL).notes
            continue
        entries, errors = page
        found += parse(entries)
        notes += optimizer_findings.errors(errors)
    return Answer(source, tuple(found), tuple(dict.fromkeys(notes)))


def _cost_hub() -> Answer:
    source = Source.COST_OPTIMIZATION_HUB
    enrolled = attempt(costhub.enrolled)
    if isinstance(enrolled, Refused):
        return _refused(source, enrolled, hub_findings.ENROL)
    if not enrolled:
        return Answer(source, notes=(hub_findings.ENROL,))
    listed = attempt(costhub.recommendations)
    if isinstance(listed, Refused):
        return _refused(source, listed, hub_findings.ENROL)
    return Answer(source, hub_findings.items(listed))


def _inference_recommender(now: datetime) -> Answer:
    source = Source.INFERENCE_RECOMMENDER
    finished = attempt(lambda: sagemaker.finished_jobs(now - JOBS_SINCE))
    if isinstance(finished, Refused):
        return _refused(source, finished, "")
    return Answer(source, inference.jobs(finished))


def _refused(source: Source, refused: Refused, enrol: str) -> Answer:
    log.warning("source refused", extra={"source_name": source.value, "code": refused.code})
    if enrol and refused.code in NOT_ENROLLED:
        return Answer(source, notes=(enrol,))
    return Answer(source, notes=(f"{source.value} did not answer: {refused.code} {refused.message}".rstrip(),))
