"""The agent's configuration, strict: TOML, or the JSON that the agent stack keeps in SSM. Every error names its key."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

COLLECTORS = ("cpu", "load", "memory", "swap", "disk", "diskio", "network", "gpu")
"""The names that `collectors` may list; agent/collectors/registry.py has one collector for each."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ConfigError(Exception):
    """The configuration cannot be used; the text has one problem a line, each beginning with its key."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one agent does. Empty strings stand for "find out": see the key's own line."""

    namespace: Name = "CWAgent"
    """Alarms and dashboards expect CWAgent."""
    sample_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    publish_seconds: Annotated[int, msgspec.Meta(ge=60, le=300, multiple_of=60)] = 60
    """The window over which samples are folded; the alarms need 60."""
    disk_paths: tuple[str, ...] = ("/",)
    collectors: tuple[str, ...] = COLLECTORS
    gpu: Literal["auto", "off", "simulated"] = "auto"
    """simulated: made-up GPUs, for demonstrations only."""
    sink: Literal["cloudwatch", "stdout"] = "cloudwatch"
    region: str = ""
    """Empty: AWS_REGION, AWS_DEFAULT_REGION, then EC2's own."""
    endpoint_url: str = ""
    """Where CloudWatch is; empty: AWS_ENDPOINT_URL_CLOUDWATCH, AWS_ENDPOINT_URL, then the region's own."""
    instance_id: str = ""
    """Dimension InstanceId; empty: EC2's metadata service on EC2."""
    host: str = ""
    """Dimension host, where there is no instance id; empty: the host's name."""
    clock_url: str = ""
    """The embedded AWS whose clock to follow; empty: the machine's clock."""
    proc_root: str = "/proc"
    sys_root: str = "/sys"


def load(text: str) -> Config:
    """Parse TOML, or JSON if it begins with a brace. Raises ConfigError with every problem there is."""
    table = _parse(text)
    fields = {field.name: field for field in msgspec.structs.fields(Config)}
    problems = [f"{key}: unknown key; known: {', '.join(fields)}" for key in table if key not in fields]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            continue
        try:
            values[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            problems.append(f"{key}: {_explain(key, str(error))}")
    config = Config(**values)
    problems += _check(config)
    if problems:
        raise ConfigError("\n".join(problems))
    return config


def _parse(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ConfigError(f"not JSON: {error}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from None


_CHOICES = {"gpu": "auto, off, simulated", "sink": "cloudwatch, stdout"}


def _explain(key: str, error: str) -> str:
    if key in _CHOICES and "enum" in error:
        return f"{error.partition(' - at')[0]}; one of {_CHOICES[key]}"
    return error[0].lower() + error[1:].replace("`", "")


def _check(config: Config) -> list[str]:
    problems = []
    if config.sample_seconds > config.publish_seconds:
        problems.append(f"sample_seconds: {config.sample_seconds} is more than publish_seconds")
    if config.namespace.startswith(("AWS/", ":")):
        problems.append(f"namespace: {config.namespace!r} is reserved by AWS; say CWAgent")
    unknown = [name for name in config.collectors if name not in COLLECTORS]
    problems += [f"collectors: no collector {name!r}; known: {', '.join(COLLECTORS)}" for name in unknown]
    if len(set(config.collectors)) < len(config.collectors):
        problems.append("collectors: a name is there twice")
    problems += [
        f"disk_paths: {path!r} is not an absolute path" for path in config.disk_paths if not path.startswith("/")
    ]
    problems += [
        f"{key}: {value!r} is not an http or https URL"
        for key, value in (("endpoint_url", config.endpoint_url), ("clock_url", config.clock_url))
        if value and not value.startswith(("http://", "https://"))
    ]
    problems += [
        f"{key}: {value!r} is not ASCII, as CloudWatch's dimension values must be"
        for key, value in (("instance_id", config.instance_id), ("host", config.host))
        if not value.isascii()
    ]
    problems += [
        f"{key}: {value} is not a folder"
        for key, value in (("proc_root", config.proc_root), ("sys_root", config.sys_root))
        if not Path(value).is_dir()
    ]
    return problems
