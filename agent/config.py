"""The agent's configuration, strict: TOML, or the JSON that the agent stack keeps in SSM. Every error names its key."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from core.catalogue.agent_metric import OWN_DIMENSIONS

COLLECTORS = (
    *("gpu", "cpu", "load", "pressure", "memory", "swap", "disk", "diskio", "network", "tcp", "processes", "clock"),
    *("allowances", "files", "container", "kubernetes", "amd", "neuron"),
)
"""The names that `collectors` may list; agent/collectors/registry.py has one collector for each."""

SINKS = ("cloudwatch", "otlp", "emf", "mlflow", "prometheus", "stdout")
"""The names that `sinks` may list; agent/sinks/registry.py makes each."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ConfigError(Exception):
    """The configuration cannot be used; the text has one problem a line, each beginning with its key."""


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Prometheus page to read: `metrics` may have `*` and `?`, `labels` become dimensions, the others fold."""

    url: str
    metrics: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    labels: tuple[str, ...] = ()
    every_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 15


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one agent does. Empty strings stand for "find out": see the key's own line."""

    namespace: Name = "CWAgent"
    """Alarms and dashboards expect CWAgent."""
    sample_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    publish_seconds: Annotated[int, msgspec.Meta(ge=60, le=300, multiple_of=60)] = 60
    """The window over which samples are folded; the alarms need 60."""
    disk_paths: tuple[str, ...] = ("/",)
    collectors: tuple[str, ...] = COLLECTORS
    tier: Literal["lean", "standard", "full"] = "standard"
    """How many series are sent: CloudWatch charges by series. A device's own are, while it is unhealthy."""
    most_series: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 500
    """No more are sent within an hour; the least important are kept out, and counted."""
    gpu: Literal["auto", "off", "simulated", "nvidia-smi"] = "auto"
    """simulated: made-up GPUs, for demonstrations only; nvidia-smi: its program rather than the driver's library."""
    gpus: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    """How many GPUs there should be; 0: as many as the PCI bus has, or there were."""
    files: tuple[str, ...] = ()
    """Files, or folders of files, whose age is measured: checkpoints, heartbeats, data."""
    kubernetes: Literal["off", "node", "cluster"] = "off"
    """node: the pods of this node; cluster: all workloads, from one agent a cluster."""
    kubelet_url: str = ""
    """For node mode; empty: port 10250 of the environment's HOST_IP."""
    kubelet_ca: str = ""
    """A file of the authorities that may vouch for the kubelet; empty: the cluster's."""
    kubelet_root: str = "/var/lib/kubelet"
    """Where the kubelet's pod-resources socket is, or the file in which it keeps which pod has which GPU."""
    sinks: tuple[str, ...] = ("cloudwatch",)
    """Where windows go; each but stdout and prometheus has all of them, however late."""
    high_resolution: tuple[str, ...] = ()
    """Metrics with a datum for each second rather than each window."""
    state_dir: str = ""
    """Where windows wait; empty: STATE_DIRECTORY, then /var/lib/mlwarden-agent. One agent a folder."""
    spool_megabytes: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 128
    """How large the spool may grow; then the oldest windows are cut down to statistic sets."""
    emf_file: str = ""
    """Where the sink emf appends its lines."""
    emf_log_group: str = ""
    """The group of CloudWatch Logs that the sink emf sends its lines to; without it and emf_file: standard output."""
    otlp_url: str = ""
    """Where the sink otlp posts; empty: the region's CloudWatch."""
    prometheus_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 9464
    """Where the sink prometheus listens on 127.0.0.1."""
    mlflow_url: str = ""
    mlflow_run_id: str = ""
    """Both for the sink mlflow: the tracking server, and the run to log to."""
    statsd_port: Port = 0
    """UDP on 127.0.0.1 for applications' StatsD; 0: none. 8125 is usual."""
    statsd_tags: tuple[str, ...] = ()
    """DogStatsD's tags that become dimensions; the others fold."""
    otlp_port: Port = 0
    """HTTP on 127.0.0.1 for applications' OTLP metrics; 0: none. 4318 is usual."""
    otlp_attributes: tuple[str, ...] = ()
    """Attributes, of points or resources, that become dimensions; the others fold."""
    scrape: tuple[Page, ...] = ()
    """Prometheus pages to read."""
    input_series: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 200
    """How many series each input may have: applications' names cost money too."""
    health_file: str = ""
    """A file that is touched each round; empty: none."""
    health_port: Port = 0
    """HTTP on 127.0.0.1: 200 while rounds are taken and the threads that send are alive, else 503; 0: none."""
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
    disk_root: str = ""
    """Where the host's root is, for disk_paths; empty: /."""


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
    import tomllib  # which JSON, from SSM or the environment, does without

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from None


_CHOICES = {
    "gpu": "auto, off, simulated, nvidia-smi",
    "tier": "lean, standard, full",
    "kubernetes": "off, node, cluster",
}


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
    problems += _check_sinks(config)
    problems += _check_high_resolution(config)
    problems += _check_ports(config)
    problems += _check_dimensions(config)
    problems += [
        f"{key}: {path!r} is not an absolute path"
        for key, paths in (("disk_paths", config.disk_paths), ("files", config.files))
        for path in paths
        if not path.startswith("/")
    ]
    problems += [
        f"{key}: {value!r} is not an http or https URL"
        for key, value in (
            ("endpoint_url", config.endpoint_url),
            ("clock_url", config.clock_url),
            ("otlp_url", config.otlp_url),
            ("kubelet_url", config.kubelet_url),
            ("mlflow_url", config.mlflow_url),
            *(("scrape", page.url) for page in config.scrape),
        )
        if value and not value.startswith(("http://", "https://"))
    ]
    problems += [
        f"{key}: {value!r} is not ASCII, as CloudWatch's dimension values must be"
        for key, value in (
            ("instance_id", config.instance_id),
            ("host", config.host),
            *(("disk_paths", path) for path in config.disk_paths),
            *(("files", path) for path in config.files),
        )
        if not value.isascii()
    ]
    problems += [
        f"{key}: {value} is not a folder"
        for key, value in (("proc_root", config.proc_root), ("sys_root", config.sys_root))
        if not Path(value).is_dir()
    ]
    return problems


def _check_sinks(config: Config) -> list[str]:
    problems = [f"sinks: no sink {name!r}; known: {', '.join(SINKS)}" for name in config.sinks if name not in SINKS]
    if not config.sinks:
        problems.append(f"sinks: empty; name one of {', '.join(SINKS)}")
    if len(set(config.sinks)) < len(config.sinks):
        problems.append("sinks: a name is there twice")
    if "mlflow" in config.sinks and not (config.mlflow_url and config.mlflow_run_id):
        problems.append("mlflow_url, mlflow_run_id: the sink mlflow needs both")
    if {"emf", "stdout"} <= set(config.sinks) and not (config.emf_file or config.emf_log_group):
        problems.append("sinks: emf and stdout would both write to standard output; set emf_file or emf_log_group")
    if config.emf_file and config.emf_log_group:
        problems.append("emf_log_group: emf_file is set already; choose one")
    if config.emf_log_group and not re.fullmatch(r"[\w./#-]{1,512}", config.emf_log_group, re.ASCII):
        problems.append(f"emf_log_group: {config.emf_log_group!r} is not a log group's name: letters, digits and ._-/#")
    problems += [
        f"{key}: {value!r} is not an absolute path"
        for key, value in (
            ("state_dir", config.state_dir),
            ("emf_file", config.emf_file),
            ("health_file", config.health_file),
            ("disk_root", config.disk_root),
            ("kubelet_ca", config.kubelet_ca),
        )
        if value and not value.startswith("/")
    ]
    return problems


def _check_high_resolution(config: Config) -> list[str]:
    if not config.high_resolution:
        return []
    from core.catalogue.metrics import find  # all of the catalogue, which few need resident

    return [
        f"high_resolution: no metric {name!r}; docs/reference/metrics.md lists them"
        for name in config.high_resolution
        if find("CWAgent", name) is None
    ]


def _check_dimensions(config: Config) -> list[str]:
    problems = []
    lists = (
        ("statsd_tags", config.statsd_tags),
        ("otlp_attributes", config.otlp_attributes),
        *((f"scrape: labels of page {number}", page.labels) for number, page in enumerate(config.scrape, start=1)),
    )
    for key, names in lists:
        problems += [
            f"{key}: {name!r} is the agent's own dimension; leave it out, or have the application call it otherwise"
            for name in OWN_DIMENSIONS
            if name in names
        ]
        problems += [f"{key}: {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    return problems


def _check_ports(config: Config) -> list[str]:
    taken: dict[int, str] = {}
    problems = []
    listening = {"otlp_port": config.otlp_port, "health_port": config.health_port}
    if "prometheus" in config.sinks:
        listening["prometheus_port"] = config.prometheus_port
    for key, port in listening.items():
        if port and port in taken:
            problems.append(f"{key}: {port} is {taken[port]} already")
        taken[port] = key
    return problems
