"""What an alarm's detail tells besides its state: read when it is asked for, which is seldom, and never changed."""

import json
from collections.abc import Mapping
from typing import Any

from core.incidents.forms import figures
from core.incidents.forms.fields import Pairs, decoded, entries, pairs

_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Detailed:
    """Something with the `detail` of an alarm's event, in EventBridge's shape."""

    __slots__ = ()

    detail: Mapping[str, Any]

    @property
    def value(self) -> float | None:
        """The newest evaluated datapoint, in CloudWatch's unit."""
        return figures.value(self.detail)

    @property
    def threshold(self) -> float | None:
        """What the value was held against, in CloudWatch's unit."""
        return figures.threshold(self.detail)

    @property
    def below(self) -> bool:
        """Whether low values are bad, as far as the event tells."""
        return figures.below(self.detail)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the event says of the alarm's configuration."""
        return decoded(self.detail.get("configuration"))

    @property
    def description(self) -> str:
        """The alarm's description; empty where there is none."""
        return str(self.configuration.get("description") or "")

    @property
    def metric(self) -> str:
        """The name of the alarm's first metric; empty for composites, log and PromQL alarms."""
        return str(self._first_metric.get("name") or "")

    @property
    def dimensions(self) -> Pairs:
        """The dimensions of the alarm's first metric."""
        return pairs(self._first_metric.get("dimensions"))

    @property
    def period_seconds(self) -> int:
        """The period of the alarm's first metric; 0 where the event does not tell."""
        stats = (decoded(entry.get("metricStat")) or entry for entry in entries(self.configuration.get("metrics")))
        return next((period for stat in stats if isinstance(period := stat.get("period"), int)), 0)

    @property
    def queries(self) -> str:
        """The alarm's metrics as JSON text, for asking more; empty where there are none."""
        metrics = entries(self.configuration.get("metrics"))
        return _compact(metrics) if metrics else ""

    @property
    def tags(self) -> Pairs:
        """The alarm's tags, where it propagates them."""
        return pairs(self.detail.get("alarmTags"))

    @property
    def _first_metric(self) -> Mapping[str, Any]:
        for entry in entries(self.configuration.get("metrics")):
            if metric := decoded(decoded(entry.get("metricStat")).get("metric")):
                return metric
        return {}
