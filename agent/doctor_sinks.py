"""What `doctor` finds on the way to the sinks: credentials, what they allow, whose clock is right."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from agent import aws
from agent.clock import Clock
from agent.config import Config
from agent.connection import Connection, ConnectionFailed, Response
from agent.credentials import CredentialsError, Provider, from_environment
from agent.findings import Finding, Mark
from agent.identity import Identity
from agent.sinks import mlflow, otlp, registry

CALL_SECONDS = 10.0
GOOD_CLOCK = timedelta(seconds=5)
USABLE_CLOCK = timedelta(minutes=5)
"""A signature that is further off may be refused (IAM user guide, "Troubleshoot SigV4 requests")."""
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
"""PutMetricData takes nothing older than two weeks: a datum of then asks for the permission and stores nothing."""
_NO_ROLE = "attach the agent stack's policy (output InstancePolicy) to the host's role"


def examine(config: Config, me: Identity, clock: Clock, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that the configured sinks need."""
    for sink in config.sinks:
        if (sink in {"cloudwatch", "otlp"} or (sink == "emf" and config.emf_log_group)) and not me.region:
            yield Finding("region", Mark.WRONG, f"not known, and the sink {sink} needs it", "set region or AWS_REGION")
            return
    provider = Provider(environment=environment)
    if {"cloudwatch", "otlp"} & set(config.sinks) or ("emf" in config.sinks and config.emf_log_group):
        held = credentials(provider, clock, environment)
        yield held
        if held.mark is Mark.WRONG:
            return
    if "cloudwatch" in config.sinks:
        yield from put_metric_data(config, me, provider, clock, environment)
    if "otlp" in config.sinks:
        yield from export(config, me, provider, clock)
    if "mlflow" in config.sinks:
        yield run(config, environment)
    if "emf" in config.sinks and config.emf_file:
        yield appended(Path(config.emf_file))
    if "emf" in config.sinks and config.emf_log_group:
        yield put_log_events(config, me, provider, clock, environment)


def credentials(provider: Provider, clock: Clock, environment: Mapping[str, str]) -> Finding:
    """Whether there are any; which they are is not said."""
    try:
        found = provider.get(clock.now())
    except CredentialsError as error:
        fix = "give the host a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return Finding("credentials", Mark.WRONG, str(error), fix)
    if from_environment(environment) is not None:
        return Finding("credentials", Mark.GOOD, "from the environment")
    until = f", until {found.expires_at:%Y-%m-%d %H:%M} UTC" if found.expires_at else ""
    return Finding("credentials", Mark.GOOD, f"from botocore's chain{until}")


def put_metric_data(
    config: Config, me: Identity, provider: Provider, clock: Clock, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """PutMetricData of a datum that CloudWatch refuses for its age, once it has allowed the call."""
    datum = {"MetricName": "agent_doctor", "Timestamp": int(LONG_AGO.timestamp()), "Value": 0.0}
    body = json.dumps({"Namespace": config.namespace, "MetricData": [datum]}).encode()
    url = aws.endpoint(
        "monitoring", name="CLOUDWATCH", region=me.region, configured=config.endpoint_url, environment=environment
    )
    service = registry.monitoring("endpoint_url", url, region=me.region, provider=provider, now=clock.now)
    try:
        response = service.call("PutMetricData", body, timeout_seconds=CALL_SECONDS)
    except (ConnectionFailed, CredentialsError) as error:
        yield _unreached("PutMetricData", str(error))
        return
    finally:
        service.close()
    yield allowed("PutMetricData", response)
    yield from clocks(response, clock.now())


def export(config: Config, me: Identity, provider: Provider, clock: Clock) -> Iterator[Finding]:
    """An export without metrics to the OTLP endpoint."""
    url = config.otlp_url or aws.default_url("monitoring", me.region) + otlp.PATH
    service = registry.monitoring("otlp_url", url, region=me.region, provider=provider, now=clock.now)
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        response = service.post(urlsplit(url).path or otlp.PATH, b"", headers=headers, timeout_seconds=CALL_SECONDS)
    except (ConnectionFailed, CredentialsError) as error:
        yield _unreached("OTLP export", str(error))
        return
    finally:
        service.close()
    yield allowed("OTLP export", response)
    yield from clocks(response, clock.now())


def put_log_events(
    config: Config, me: Identity, provider: Provider, clock: Clock, environment: Mapping[str, str]
) -> Finding:
    """PutLogEvents of a line too old to be kept; a stream that is not there yet is made by the agent itself."""
    thing, group = "PutLogEvents", config.emf_log_group
    service = registry.logs(me.region, environment=environment, provider=provider, now=clock.now)
    old = {"timestamp": int(LONG_AGO.timestamp()) * 1000, "message": "mlwarden-agent doctor"}
    body = {"logGroupName": group, "logStreamName": "mlwarden-agent-doctor", "logEvents": [old]}
    try:
        response = service.call(thing, json.dumps(body).encode(), timeout_seconds=CALL_SECONDS)
    except (ConnectionFailed, CredentialsError) as error:
        return _unreached(thing, str(error))
    finally:
        service.close()
    if aws.error_code(response) != "ResourceNotFoundException":
        found = allowed(thing, response)
        if found.fix == _NO_ROLE:
            return replace(found, fix=f"allow the host's role logs:PutLogEvents and logs:CreateLogStream on {group}")
        return found
    said = aws.error_message(response)
    if "stream" in said.lower():
        return Finding(thing, Mark.GOOD, f"allowed, and the log group {group} is there")
    return Finding(thing, Mark.WRONG, f"{group}: {said}", f"aws logs create-log-group --log-group-name {group}")


def allowed(thing: str, response: Response) -> Finding:
    """What the answer to a dry call says of the permission: a refusal of its content comes after it."""
    code = aws.error_code(response)
    said = f"{response.status} {code} {aws.error_message(response)}".strip()
    if code in aws.CLOCK_CODES:
        return Finding(thing, Mark.WRONG, said, "set the clock: timedatectl set-ntp true, or chrony")
    if code in aws.CREDENTIAL_CODES:
        return Finding(thing, Mark.WRONG, said, "the credentials are not accepted: renew them")
    if "AccessDenied" in code or response.status == 403:
        return Finding(thing, Mark.WRONG, said, _NO_ROLE)
    if response.status == 200 or (response.status == 400 and not code.startswith("Throttl")):
        return Finding(thing, Mark.GOOD, "allowed (a dry call: nothing was stored)")
    return Finding(thing, Mark.WARNING, said, "not the permission's fault; look again later")


def clocks(response: Response, now: datetime) -> Iterator[Finding]:
    """This host's clock against the one of the server that answered."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("date", ""))
    except (TypeError, ValueError):
        return
    off = now - theirs.astimezone(UTC)
    seconds = off.total_seconds()
    if abs(off) <= GOOD_CLOCK:
        yield Finding("clock", Mark.GOOD, "as AWS's, to a few seconds")
    else:
        mark = Mark.WARNING if abs(off) <= USABLE_CLOCK else Mark.WRONG
        yield Finding("clock", mark, f"{seconds:+.0f} s from AWS's", "timedatectl set-ntp true, or chrony")


def run(config: Config, environment: Mapping[str, str]) -> Finding:
    """The MLflow run."""
    thing = "MLflow run"
    path = (
        f"{urlsplit(config.mlflow_url).path.rstrip('/')}/api/2.0/mlflow/runs/get?run_id={quote(config.mlflow_run_id)}"
    )
    connection = Connection(config.mlflow_url)
    try:
        headers = mlflow.authorization(environment)
        response = connection.request("GET", path, headers=headers, body=None, timeout_seconds=CALL_SECONDS)
    except ConnectionFailed as error:
        return _unreached(thing, str(error))
    finally:
        connection.close()
    if response.status != 200:
        said = f"{config.mlflow_run_id}: status {response.status}"
        return Finding(thing, Mark.WRONG, said, "mend mlflow_run_id, or MLFLOW_TRACKING_TOKEN")
    return Finding(thing, Mark.GOOD, config.mlflow_run_id)


def appended(file: Path) -> Finding:
    """The file that EMF's lines go to."""
    if os.access(file if file.exists() else file.parent, os.W_OK):
        return Finding("emf_file", Mark.GOOD, str(file))
    return Finding("emf_file", Mark.WRONG, f"{file} cannot be written", "mend the owner of its folder")


def _unreached(thing: str, said: str) -> Finding:
    return Finding(thing, Mark.WRONG, said, "open the way: DNS, route, proxy, security group, or a VPC endpoint")
