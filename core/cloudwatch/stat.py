"""A statistic of a series: what a metric query asks for."""

from dataclasses import dataclass

from core.cloudwatch.datums import Dimensions


@dataclass(frozen=True, slots=True)
class Stat:
    """One statistic of one series. `period` is in seconds; `unit` is None when any unit will do."""

    namespace: str
    name: str
    dimensions: Dimensions
    statistic: str
    period: int
    unit: str | None
