"""What an invocation leaves behind: log events, the metrics in its log lines, and Lambda's own metrics."""

from moto.backends import get_backend

from local.errors import ServiceError
from local.functions.environment import log_group
from local.functions.model import Function
from local.logs import Line
from local.world import World


class Reporting:
    """Writes for one world, as Lambda does: logs in the name of the function's role, metrics in its own."""

    def __init__(self, world: World) -> None:
        self._world = world

    def logs(self, function: Function, stream: str, lines: tuple[str, ...]) -> None:
        """Keep what a function printed, and publish the metrics that its lines carry.

        A role that may not write logs loses both, silently, as on AWS: embedded metrics travel by the log.
        """
        if not lines:
            return
        world = self._world
        group = log_group(function)
        now = round(world.clock.now().timestamp() * 1000)
        backend = get_backend("logs")[world.account][world.region]
        with world.lock:
            if not self._writable(function, group, stream):
                return
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, stream)
            backend.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])
            world.logs.ingest(group, [Line(now / 1000, line) for line in lines])

    def metrics(self, function_name: str, values: dict[str, float]) -> None:
        """Publish AWS/Lambda metrics of one function: counts, and Duration in milliseconds.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        """
        dimensions = [{"Name": "FunctionName", "Value": function_name}]
        now = self._world.clock.now().timestamp()
        datums = [
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": now,
                "Value": float(value),
                "Unit": "Milliseconds" if name == "Duration" else "Count",
            }
            for name, value in values.items()
        ]
        with self._world.lock:
            self._world.cloudwatch.put("AWS/Lambda", datums)

    def _writable(self, function: Function, group: str, stream: str) -> bool:
        world = self._world
        arn = f"arn:aws:logs:{world.region}:{world.account}:log-group:{group}"
        existing = get_backend("logs")[world.account][world.region].groups.get(group)
        needed = [("logs:PutLogEvents", f"{arn}:log-stream:{stream}")]
        if existing is None or stream not in existing.streams:
            needed.append(("logs:CreateLogStream", f"{arn}:log-stream:{stream}"))
        if existing is None:
            needed.append(("logs:CreateLogGroup", f"{arn}:*"))
        try:
            for action, resource in needed:
                world.access.check_role(function.role_arn, action, resource)
        except ServiceError:
            return False
        return True
