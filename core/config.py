"""The one typed configuration, strict: every error names the key and what would be right.

TOML in, frozen structs out. Nothing else in the project reads the file's raw tables. The annotations are
the rules: `load` reports by them, `schema` shows them to editors; what takes more than one key is in
core/config_checks.py.
"""

import difflib
import re
import tomllib
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from core import config_agent, config_checks, config_routing
from core.config_agent import Agent
from core.config_notifications import Notifications

Level = Annotated[float, Meta(ge=1, le=100, description="percent of the whole, 1 to 100")]
Rate = Annotated[float, Meta(gt=0, le=100, description="percent of requests")]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$",
        extra={"right": "letters, digits and inner hyphens, at most 63, as SageMaker names endpoints,"},
    ),
]
GpuCount = Annotated[int, Meta(ge=0, le=16)]


class Deployment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`stage` names the deployment in every alarm; `runbooks` is the base URL that messages link to."""

    stage: Annotated[
        str,
        Meta(
            # No hyphen: the event rule of `prod` would match the alarms of `prod-eu`.
            pattern=r"^[a-z][a-z0-9]{0,15}$",
            extra={"right": "lower-case letters and digits, a letter first, at most 16,"},
        ),
    ]
    owner: Annotated[str, Meta(pattern=r"^[\w.@+=:/-]{1,64}$", extra={"right": "a team's name without spaces"})]
    runbooks: Annotated[
        str,
        Meta(pattern=r"^https?://[^\s/]+(/[^\s]*[^\s/])?$", extra={"right": "a URL without / at its end"}),
    ]


class EndpointThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Percentages are 0-100 of the whole instance; rates are percent of requests."""

    error_rate_percent: Rate = 5.0
    client_error_rate_percent: Rate = 10.0
    minimum_invocations: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="requests a minute below which rates and p99 are not judged"),
    ] = 20
    cpu_percent: Level = 85.0
    memory_percent: Level = 90.0
    disk_percent: Level = 85.0
    gpu_percent: Level = 95.0
    gpu_memory_percent: Level = 95.0
    # CloudWatch evaluates at most a day: PutMetricAlarm, EvaluationPeriods.
    silence_minutes: Annotated[int, Meta(ge=3, le=1440)] = 15


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One real-time SageMaker endpoint variant. `p99_ms` is the objective for p99 ModelLatency.

    `vcpus` and `gpus` are needed only for instance types that core/catalogue/instances.py does not know.
    `thresholds` names only what differs from `endpoint_thresholds`.
    """

    name: Name
    instance_type: str
    # InvokeEndpoint gives a model 60 seconds to answer.
    p99_ms: Annotated[float, Meta(ge=1, le=60_000, description="milliseconds")]
    variant: Name = "AllTraffic"
    traffic: Literal["steady", "sporadic"] = "steady"
    """steady (silence pages) or sporadic (silence is normal)."""
    owner: str = ""
    vcpus: Annotated[int, Meta(ge=0, le=1024)] = 0
    gpus: GpuCount = 0
    thresholds: EndpointThresholds | None = None


class HostThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Percentages are 0-100; temperature in degrees Celsius."""

    cpu_percent: Level = 90.0
    memory_percent: Level = 90.0
    disk_percent: Level = 85.0
    gpu_percent: Level = 98.0
    gpu_memory_percent: Level = 95.0
    gpu_temperature_celsius: Annotated[float, Meta(ge=30, le=120)] = 85.0


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host that runs the agent: `instance_id` on EC2, `host` (its name) elsewhere; exactly one of them.

    `thresholds` names only what differs from `host_thresholds`.
    """

    name: Name
    instance_id: str = ""
    host: str = ""
    gpus: GpuCount = 0
    owner: str = ""
    thresholds: HostThresholds | None = None


class Recommendations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the report is made: an EventBridge schedule expression, UTC."""

    schedule: str = "cron(0 6 ? * MON *)"


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """mlwarden's own running: how often the dead-man's switch is pressed, how long logs are kept."""

    heartbeat_minutes: Annotated[int, Meta(ge=1, le=60)] = 1
    # CloudWatch Logs, PutRetentionPolicy.
    log_retention_days: Literal[
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
    ] = 30  # fmt: skip


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration of one deployment."""

    deployment: Deployment
    notifications: Notifications = Notifications()
    endpoint_thresholds: EndpointThresholds = EndpointThresholds()
    host_thresholds: HostThresholds = HostThresholds()
    endpoints: tuple[Endpoint, ...] = ()
    hosts: tuple[Host, ...] = ()
    agent: Agent = Agent()
    recommendations: Recommendations = Recommendations()
    platform: Platform = Platform()


class ConfigError(Exception):
    """The configuration is wrong; the message has one line a problem, each with the key's path."""


def load(text: str) -> Config:
    """The configuration in a TOML text; raises ConfigError with every problem, so nothing is half applied."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from error
    problems = [*_problems(Config, raw, ""), *config_checks.duplicates(raw)]
    if problems:
        raise ConfigError("\n".join(problems))
    config = msgspec.convert(_inherited(raw), Config)
    if found := [*config_routing.problems(config.notifications), *config_agent.problems(config.agent)]:
        raise ConfigError("\n".join(found))
    return config


def schema() -> dict[str, Any]:
    """JSON Schema of the configuration, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlwarden configuration",
        **msgspec.json.schema(Config),
    }


def _inherited(raw: dict[str, Any]) -> dict[str, Any]:
    """An endpoint's or host's own thresholds, completed from the section for all of them."""
    return {
        **raw,
        **{
            subjects: [
                {**item, "thresholds": {**raw.get(shared, {}), **item["thresholds"]}} if "thresholds" in item else item
                for item in raw[subjects]
            ]
            for subjects, shared in (("endpoints", "endpoint_thresholds"), ("hosts", "host_thresholds"))
            if subjects in raw
        },
    }


def _problems(kind: Any, value: object, path: str) -> list[str]:
    """Everything wrong with one raw value, by the annotation of the key it stands under."""
    metas: list[Meta] = []
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(option for option in get_args(kind) if option is not type(None))
    if get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _table_problems(kind, value, path)
    if get_origin(kind) is tuple:
        return _array_problems(get_args(kind)[0], value, path, metas)
    if get_origin(kind) is Literal:
        return list(_choice_problems(get_args(kind), value, path))
    return list(_scalar_problems(kind, value, path, metas))


def _table_problems(kind: type[msgspec.Struct], value: object, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {_shown(value)} is not a table; keys such as {path}.… would be right"]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    found = [
        f"{_join(path, key)}: unknown key; known: {', '.join(fields)}{_meant(key, fields)}"
        for key in value
        if key not in fields
    ]
    for name, field in fields.items():
        if name in value:
            found += _problems(field.type, value[name], _join(path, name))
        elif field.required:
            found.append(f"{_join(path, name)}: missing; it has no default")
    if not found and kind is not Config:
        checked = config_checks.check(msgspec.convert(value, kind))
        found += [f"{_join(path, key)}: {message}" for key, message in checked]
    return found


def _array_problems(kind: Any, value: object, path: str, metas: list[Meta]) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: {_shown(value)} is not an array; [{_shown(value)}] would be right"]
    found = [line for index, item in enumerate(value) for line in _problems(kind, item, f"{path}[{index}]")]
    for meta in metas:
        if len(value) < (meta.min_length or 0):
            found.append(f"{path}: is empty; at least {meta.min_length} would be right")
        if meta.max_length is not None and len(value) > meta.max_length:
            found.append(f"{path}: has {len(value)} entries; at most {meta.max_length} would be right")
    return found


def _choice_problems(choices: tuple[object, ...], value: object, path: str) -> Iterator[str]:
    # 30.0 equals 30 but is not of its type, True equals 1.
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        meant = _meant(value, choices) if isinstance(value, str) else ""
        yield f"{path}: {_shown(value)} is not one of {', '.join(map(str, choices))}{meant}"


def _scalar_problems(kind: type, value: object, path: str, metas: list[Meta]) -> Iterator[str]:
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, accepted):
        right = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}[kind]
        yield f"{path}: {_shown(value)} has the wrong type; {right} would be right"
        return
    for meta in metas:
        if isinstance(value, str):
            if meta.pattern is not None and not re.fullmatch(meta.pattern, value):
                yield f"{path}: {_shown(value)} is malformed; {(meta.extra or {})['right']} would be right"
        elif isinstance(value, int | float) and not _within(meta, value):
            hint = config_checks.wrong_unit(path, value)
            yield f"{path}: {value} is out of range; {hint or f'{_range(meta)} would be right'}"


def _within(meta: Meta, value: float) -> bool:
    """Written so that NaN, which TOML has, is outside."""
    return (
        (meta.ge is None or value >= meta.ge)
        and (meta.gt is None or value > meta.gt)
        and (meta.le is None or value <= meta.le)
    )


def _range(meta: Meta) -> str:
    low = f"more than {meta.gt}" if meta.gt is not None else f"at least {meta.ge}"
    return f"{low} and at most {meta.le}"


def _meant(key: str, known: Iterable[object]) -> str:
    close = difflib.get_close_matches(key, [str(name) for name in known], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return config_routing.quoted(value) if isinstance(value, str) else str(value)
