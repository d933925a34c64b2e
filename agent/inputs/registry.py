"""The inputs that a configuration asks for, made: none unless it names a port or a page."""

from collections.abc import Callable
from typing import Protocol

from agent.config import Config, ConfigError
from agent.sample import Collector


class Input(Collector, Protocol):
    """A collector that listens or asks by itself, until it is closed."""

    def close(self) -> None:
        """Stop."""
        ...


def make(config: Config, *, monotonic: Callable[[], float]) -> dict[str, Input]:
    """By name. Each is imported only where it is asked for. Raises ConfigError where a port is taken."""
    made: dict[str, Input] = {}
    if not (config.statsd_port or config.otlp_port or config.scrape):
        return made
    from agent.inputs.intake import Intake

    def intake(name: str) -> Intake:
        return Intake(name, most_series=config.input_series, monotonic=monotonic)

    key = ""
    try:
        if config.statsd_port:
            from agent.inputs import statsd

            key = f"statsd_port: {config.statsd_port}"
            made[statsd.NAME] = statsd.Statsd(
                port=config.statsd_port, tags=config.statsd_tags, intake=intake(statsd.NAME), monotonic=monotonic
            )
        if config.otlp_port:
            from agent.inputs import otlp

            key = f"otlp_port: {config.otlp_port}"
            made[otlp.NAME] = otlp.Otlp(
                port=config.otlp_port,
                attributes=config.otlp_attributes,
                intake=intake(otlp.NAME),
                monotonic=monotonic,
            )
    except OSError as error:
        close(made)
        raise ConfigError(f"{key}: {error.strerror}") from None
    if config.scrape:
        from agent.inputs import scrape

        common = intake(scrape.NAME)
        targets = [
            scrape.Target(
                page.url,
                scrape.Page(metrics=page.metrics, labels=page.labels, intake=common, monotonic=monotonic),
                every_seconds=page.every_seconds,
            )
            for page in config.scrape
        ]
        made[scrape.NAME] = started = scrape.Scrape(targets, intake=common)
        started.start()
    return made


def close(made: dict[str, Input]) -> None:
    """Stop them all."""
    for each in made.values():
        each.close()
