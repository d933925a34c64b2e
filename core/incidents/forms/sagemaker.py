"""SageMaker's endpoints, jobs, pipelines and monitoring schedules.

SageMaker developer guide, Events that Amazon SageMaker AI sends to EventBridge: delivery is best effort and one change
may be told several times. Statuses come in PascalCase or UPPER_SNAKE; instants in all forms.

A job's name is used once, so a failure has no end of its own: alerts are of the job's family (the name without the
stamp that the SDKs and pipelines append), a later success of the family ends it, else `JOB_HOLD` does. A pipeline's or
monitoring schedule's failure is ended by its next success, else by `PIPELINE_HOLD`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.catalogue.alarm import Delivery, Severity
from core.incidents.forms.fields import Document, MalformedEvent, decoded, first_instant, optional, plain, table, text
from core.incidents.signals import EndpointSignal, EndpointStatus, EventSignal, Ignored, Source, State

ENDPOINT_CHANGE = "SageMaker Endpoint State Change"
DEPLOYMENT_CHANGE = "SageMaker Endpoint Deployment State Change"
TRAINING_CHANGE = "SageMaker Training Job State Change"
PROCESSING_CHANGE = "SageMaker Processing Job State Change"
TRANSFORM_CHANGE = "SageMaker Transform Job State Change"
TUNING_CHANGE = "SageMaker HyperParameter Tuning Job State Change"
PIPELINE_CHANGE = "SageMaker Model Building Pipeline Execution Status Change"
STEP_CHANGE = "SageMaker Model Building Pipeline Execution Step Status Change"
MONITORING_CHANGE = "SageMaker Monitoring Schedule State Change"

JOB_HOLD = timedelta(hours=4)
PIPELINE_HOLD = timedelta(hours=24)

_STATUSES = {status.value.lower(): status for status in EndpointStatus}
_STAMP = re.compile(r"-\d{4}(?:-\d\d){5}(?:-\d{3})?$")
"""What the SageMaker Python SDK appends to a job's base name: the time, with milliseconds or not."""
_OF_PIPELINE = re.compile(r"pipelines-[a-z0-9]{12}-(.+)-[A-Za-z0-9]{10}")
"""A pipeline's job: execution id, step, and a suffix."""
_VIOLATIONS = "completedwithviolations"


@dataclass(frozen=True, slots=True)
class _Job:
    """Which keys tell of a kind of job, and what its failure is called."""

    key: str
    condition: str
    words: str


JOBS = {
    TRAINING_CHANGE: _Job("TrainingJob", "TrainingJobFailed", "training job"),
    PROCESSING_CHANGE: _Job("ProcessingJob", "ProcessingJobFailed", "processing job"),
    TRANSFORM_CHANGE: _Job("TransformJob", "TransformJobFailed", "batch transform job"),
    TUNING_CHANGE: _Job("HyperParameterTuningJob", "TuningJobFailed", "tuning job"),
}


def endpoint(event: Document) -> EndpointSignal:
    """An endpoint's status, from either of its two events."""
    detail = table(event, "detail")
    raw = text(detail, "EndpointStatus", "detail.")
    status = _STATUSES.get(plain(raw))
    if status is None:
        known = ", ".join(status.value for status in EndpointStatus)
        raise MalformedEvent(f"detail.EndpointStatus: {raw[:40]!r} is not a status; known: {known}")
    pending = decoded(detail.get("PendingDeploymentSummary"))
    return EndpointSignal(
        account=text(event, "account"),
        region=text(event, "region"),
        endpoint_arn=optional(detail, "EndpointArn", "detail."),
        endpoint=text(detail, "EndpointName", "detail."),
        status=status,
        at=_told_at(event, detail, "LastModifiedTime", "CreationTime"),
        config=optional(detail, "EndpointConfigName", "detail."),
        pending_config=str(pending.get("EndpointConfigName") or ""),
        failure=optional(detail, "FailureReason", "detail."),
    )


def job(event: Document) -> EventSignal | Ignored:
    """A training, processing, transform or tuning job that failed or completed."""
    form = JOBS[event["detail-type"]]
    detail = table(event, "detail")
    raw = text(detail, f"{form.key}Status", "detail.")
    name = text(detail, f"{form.key}Name", "detail.")
    state = _outcome(raw, "completed")
    if state is None:
        return Ignored(event["detail-type"], f"{form.key}Status {raw[:40]!r} is neither a failure nor a success")
    schedule = optional(detail, "MonitoringScheduleArn", "detail.")
    found = plain(optional(detail, "ExitMessage", "detail.")).startswith(_VIOLATIONS)
    if schedule:
        return _monitoring_run(event, detail, schedule, state, name, violations=found)
    family = _family(name)
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="job",
        subject=family,
        condition=form.condition,
        state=state,
        at=(at := _told_at(event, detail, "LastModifiedTime", f"{form.key.removesuffix('Job')}EndTime")),
        title=f"a {form.words} has failed",
        identity=_identity(event, form.condition, family),
        delivery=Delivery.CONTEXT if _OF_PIPELINE.fullmatch(name) else Delivery.INCIDENT,
        reason=optional(detail, "FailureReason", "detail."),
        change=name,
        arn=optional(detail, f"{form.key}Arn", "detail."),
        attributes=(("job", name),),
        resolves_at=at + JOB_HOLD if state is State.ALARM else None,
    )


def pipeline(event: Document) -> EventSignal | Ignored:
    """A pipeline's execution that failed or succeeded; alerts are of the pipeline."""
    detail = table(event, "detail")
    status = text(detail, "currentPipelineExecutionStatus", "detail.")
    state = _outcome(status, "succeeded")
    if state is None:
        return Ignored(PIPELINE_CHANGE, f"status {status[:40]!r} is neither a failure nor a success")
    return _of_pipeline(event, detail, "PipelineFailed", "a pipeline has failed", state, "executionEndTime")


def step(event: Document) -> EventSignal | Ignored:
    """A pipeline's step that failed or succeeded: told with the pipeline, never alone."""
    detail = table(event, "detail")
    name, status = text(detail, "stepName", "detail."), text(detail, "currentStepStatus", "detail.")
    state = _outcome(status, "succeeded")
    if state is None:
        return Ignored(STEP_CHANGE, f"status {status[:40]!r} is neither a failure nor a success")
    title = f"the pipeline's step {name} has failed"
    return _of_pipeline(event, detail, "PipelineStepFailed", title, state, "stepEndTime", part=name)


def monitoring_schedule(event: Document) -> EventSignal | Ignored:
    """A monitoring schedule that failed or is scheduled again; AWS documents no detail of this event."""
    detail = event.get("detail")
    status = decoded(detail).get("MonitoringScheduleStatus")
    if not isinstance(status, str) or not isinstance(detail, dict):
        return Ignored(MONITORING_CHANGE, "the event does not say the schedule's status")
    state = _outcome(status, "scheduled")
    if state is None:
        return Ignored(MONITORING_CHANGE, f"status {status[:40]!r} is neither a failure nor a success")
    name = text(detail, "MonitoringScheduleName", "detail.")
    return _of_schedule(
        event,
        detail,
        "MonitoringScheduleFailed",
        "a monitoring schedule has failed",
        state,
        name,
        _told_at(event, detail, "LastModifiedTime"),
    )


def _monitoring_run(
    event: Document, detail: Document, schedule: str, state: State, job_name: str, *, violations: bool
) -> EventSignal:
    """Model Monitor's runs are processing jobs: they fail, or complete and tell in the exit message what they found."""
    name = schedule.rpartition("/")[2]
    title = "monitoring found violations of the baseline" if violations else "a monitoring run has failed"
    at = _told_at(event, detail, "LastModifiedTime", "ProcessingEndTime")
    state = State.ALARM if violations else state
    return _of_schedule(event, detail, "MonitoringViolations", title, state, name, at, change=job_name)


def _of_schedule(
    event: Document,
    detail: Document,
    condition: str,
    title: str,
    state: State,
    name: str,
    at: datetime,
    change: str = "",
) -> EventSignal:
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="pipeline",
        subject=name,
        condition=condition,
        state=state,
        at=at,
        title=title,
        identity=_identity(event, condition, name.lower()),
        reason=optional(detail, "FailureReason", "detail.") or optional(detail, "ExitMessage", "detail."),
        change=change,
        arn=optional(detail, "MonitoringScheduleArn", "detail."),
        resolves_at=at + PIPELINE_HOLD if state is State.ALARM else None,
    )


def _of_pipeline(
    event: Document, detail: Document, condition: str, title: str, state: State, ended: str, part: str = ""
) -> EventSignal:
    arn = text(detail, "pipelineArn", "detail.")
    execution = text(detail, "pipelineExecutionArn", "detail.").rpartition("/")[2]
    at = _told_at(event, detail, ended)
    return EventSignal(
        source=Source.SAGEMAKER,
        account=text(event, "account"),
        region=text(event, "region"),
        kind="pipeline",
        subject=arn.rpartition("/")[2],
        condition=condition,
        state=state,
        at=at,
        title=title,
        identity=_identity(event, condition, arn, part),
        severity=Severity.WARNING,
        delivery=Delivery.CONTEXT if part else Delivery.INCIDENT,
        reason=optional(detail, "failureReason", "detail."),
        change=execution,
        arn=arn,
        attributes=(("execution", execution), *((("step", part),) if part else ())),
        resolves_at=at + PIPELINE_HOLD if state is State.ALARM else None,
    )


def _identity(event: Document, condition: str, name: str, part: str = "") -> tuple[tuple[str, str], ...]:
    own = (
        ("account", text(event, "account")),
        ("condition", condition),
        ("name", name),
        ("region", text(event, "region")),
    )
    return (*own, ("part", part)) if part else own


def _outcome(status: str, success: str) -> State | None:
    """ALARM for a failure in any spelling, OK for the success, None for what is neither (yet)."""
    spelled = plain(status)
    if "fail" in spelled:
        return State.ALARM
    return State.OK if spelled == success else None


def _family(name: str) -> str:
    """The job's name without what makes it unique."""
    made = _OF_PIPELINE.fullmatch(name)
    return made[1] if made else _STAMP.sub("", name)


def _told_at(event: Document, detail: Document, *keys: str) -> datetime:
    """The first of the detail's instants that is told, else the event's own."""
    return first_instant((*((detail, key, "detail.") for key in keys), (event, "time", "")))
