"""The store's metrics as PromQL sees them.

CloudWatch queries OTLP metrics with PromQL, and its own services' metrics after OTel enrichment (User Guide, PromQL
querying); here every metric of the store is one. A series' labels are its name as `__name__` and its dimensions.
`@instrumentation.@name` (`cloudwatch.aws/sagemaker`), `@aws.account`, `@aws.region`, `@resource.cloud.account.id` and
`@resource.cloud.region` can be matched, and are not among the labels of results. A period of the store is one point,
at the period's end: the average of what was received, of which histogram_count, histogram_sum and histogram_avg tell
the parts.
"""

from collections.abc import Callable, Iterator, Sequence

from core.cloudwatch.promql import METRIC, Labels, Match, Matcher, Point, PromqlError, Series, labelled, selects
from core.cloudwatch.statistics import Bucket
from local.cloudwatch.store import Column, Key, Store
from local.cloudwatch.store import Series as Stored

_SCOPE = "@instrumentation.@name"
_ACCOUNT = ("@aws.account", "@resource.cloud.account.id")
_REGION = ("@aws.region", "@resource.cloud.region")


class Exposition:
    """The store's series by label matchers."""

    def __init__(self, store: Store, *, account: str, region: str) -> None:
        self._store = store
        self._hidden = {**dict.fromkeys(_ACCOUNT, account), **dict.fromkeys(_REGION, region)}

    def __call__(self, matchers: tuple[Matcher, ...]) -> Iterator[Series]:
        """The series that satisfy all matchers. Raises PromqlError where two of them have the same labels."""
        names = {one.value for one in matchers if one.name == METRIC and one.match is Match.EQUAL}
        seen: dict[Labels, str] = {}
        for key, series in self._store.items():
            if names and key.name not in names:
                continue
            labels = labelled(((METRIC, key.name), *key.dimensions))
            if not selects(matchers, labels + self._scoped(key)):
                continue
            if labels in seen:
                raise PromqlError(
                    f"{key.name} is in the namespaces {seen[labels]} and {key.namespace} with the same dimensions; "
                    f'choose one with "{_SCOPE}"="{_scope(key.namespace)}"',
                    0,
                )
            seen[labels] = key.namespace
            yield Series(labels, _points(series))

    def _scoped(self, key: Key) -> Labels:
        return ((_SCOPE, _scope(key.namespace)), *self._hidden.items())


def _scope(namespace: str) -> str:
    return f"cloudwatch.{namespace.lower() if namespace.startswith('AWS/') else namespace}"


def _points(series: Stored) -> Callable[[int, int], Sequence[Point]]:
    def points(after: int, until: int) -> Sequence[Point]:
        buckets: dict[int, Bucket] = {}
        for column in series.columns.values():
            for end, bucket in _ended(column, after, until):
                buckets.setdefault(end, Bucket()).merge(bucket)
        return [Point(end, buckets[end].average, buckets[end].count, buckets[end].total) for end in sorted(buckets)]

    return points


def _ended(column: Column, after: int, until: int) -> Iterator[tuple[int, Bucket]]:
    """The column's slots that end within the range, each with the time of its end, in milliseconds."""
    size = column.resolution * 1000
    for slot in range(after // size, until // size):
        bucket = Bucket()
        if column.fill(bucket, slot * column.resolution, (slot + 1) * column.resolution):
            yield (slot + 1) * size, bucket
