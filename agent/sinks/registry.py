"""The sinks that a configuration names, made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from agent import aws
from agent.config import Config, ConfigError
from agent.credentials import Provider
from agent.sample import Dimensions
from agent.sinks import Durable, Live


@dataclass(frozen=True, slots=True)
class Sinks:
    """Those with a cursor over the spool, and those that only show what is."""

    durable: tuple[Durable, ...]
    live: tuple[Live, ...]


def make(
    config: Config,
    *,
    region: str,
    identity: Dimensions,
    environment: Mapping[str, str],
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Sinks:
    """Each is imported only where it is asked for. Raises ConfigError where something it needs is not known."""
    provider = Provider(environment=environment)
    durable: list[Durable] = []
    live: list[Live] = []
    for name in config.sinks:
        match name:
            case "cloudwatch":
                from agent.sinks.cloudwatch import CloudWatch

                url = aws.endpoint(
                    "monitoring",
                    name="CLOUDWATCH",
                    region=known(region, name),
                    configured=config.endpoint_url,
                    environment=environment,
                )
                service = monitoring("endpoint_url", url, region=region, provider=provider, now=now)
                durable.append(CloudWatch(service, namespace=config.namespace))
            case "otlp":
                from agent.sinks.otlp import PATH, Otlp

                url = config.otlp_url or aws.default_url("monitoring", known(region, name)) + PATH
                service = monitoring("otlp_url", url, region=known(region, name), provider=provider, now=now)
                durable.append(Otlp(service, path=urlsplit(url).path or PATH))
            case "mlflow":
                from agent.sinks.mlflow import Mlflow

                durable.append(Mlflow(config.mlflow_url, run=config.mlflow_run_id, environment=environment))
            case "emf":
                from agent.sinks.emf import EmfFile, EmfStdout

                if config.emf_log_group:
                    from agent.sinks.logs import EmfLogs, stream_name

                    service = logs(known(region, name), environment=environment, provider=provider, now=now)
                    stream = stream_name("-".join(value for _, value in identity) or "agent")
                    durable.append(
                        EmfLogs(service, group=config.emf_log_group, stream=stream, namespace=config.namespace)
                    )
                elif config.emf_file:
                    durable.append(EmfFile(Path(config.emf_file), namespace=config.namespace))
                else:
                    live.append(EmfStdout(namespace=config.namespace))
            case "prometheus":
                from agent.sinks.prometheus import Page, Prometheus

                try:
                    live.append(Prometheus(Page(identity, monotonic=monotonic), port=config.prometheus_port))
                except OSError as error:
                    raise ConfigError(f"prometheus_port: {config.prometheus_port}: {error.strerror}") from None
            case _:
                from agent.sinks.stdout import Stdout

                live.append(Stdout())
    return Sinks(tuple(durable), tuple(live))


def known(region: str, sink: str) -> str:
    """The region. Raises ConfigError where there is none."""
    if not region:
        raise ConfigError(
            f'region: not known, and the sink {sink} needs it; set it, or AWS_REGION (or sinks = ["stdout"])'
        )
    return region


def monitoring(key: str, url: str, *, region: str, provider: Provider, now: Callable[[], datetime]) -> aws.Service:
    """CloudWatch at the address that the configuration's key gives."""
    try:
        return aws.Service(
            url,
            name="monitoring",
            region=region,
            protocol="1.0",
            target="GraniteServiceVersion20100801",
            provider=provider,
            now=now,
        )
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


def logs(
    region: str, *, environment: Mapping[str, str], provider: Provider, now: Callable[[], datetime]
) -> aws.Service:
    """CloudWatch Logs, which is not at `endpoint_url`: that is CloudWatch's."""
    url = aws.endpoint("logs", name="CLOUDWATCH_LOGS", region=region, configured="", environment=environment)
    try:
        return aws.Service(
            url, name="logs", region=region, protocol="1.1", target="Logs_20140328", provider=provider, now=now
        )
    except ValueError as error:
        raise ConfigError(f"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: {error}") from None
