"""The rival: what one writes in an afternoon with psutil and boto3, doing the same job as the agent."""

import os
import time
from datetime import UTC, datetime

import boto3
import psutil


def look(before: dict[str, float]) -> dict[str, float]:
    """The values of one look; what is counted since boot as what was added since `before`, which is brought on."""
    cpu, memory, swap = psutil.cpu_times_percent(), psutil.virtual_memory(), psutil.swap_memory()
    load, disk = os.getloadavg(), psutil.disk_usage("/")
    io, net = psutil.disk_io_counters(), psutil.net_io_counters()
    values = {
        "cpu_usage_active": 100 - cpu.idle,
        "cpu_usage_user": cpu.user,
        "cpu_usage_system": cpu.system,
        "cpu_usage_iowait": cpu.iowait,
        "cpu_usage_steal": cpu.steal,
        "cpu_usage_active_max_core": max(psutil.cpu_percent(percpu=True)),
        "system_load1": load[0],
        "system_load5": load[1],
        "system_load15": load[2],
        "mem_used_percent": memory.percent,
        "mem_used": memory.used,
        "mem_available": memory.available,
        "mem_total": memory.total,
        "swap_used_percent": swap.percent,
        "disk_used_percent": disk.percent,
        "disk_used": disk.used,
        "disk_free": disk.free,
        "disk_total": disk.total,
        "heartbeat": 1,
    }
    counters = {f"disk_{name}": value for name, value in io._asdict().items()} if io else {}
    counters |= {f"net_{name}": value for name, value in net._asdict().items()}
    for name, value in counters.items():
        if name in before:
            values[name] = value - before[name]
        before[name] = value
    return values


def main() -> None:
    """A sample each second, a window of statistic sets each minute, until killed."""
    client = boto3.client("cloudwatch")
    before: dict[str, float] = {}
    series: dict[str, list[float]] = {}
    minute = int(time.time()) // 60
    while True:
        if int(time.time()) // 60 != minute:
            start = datetime.fromtimestamp(minute * 60, UTC)
            client.put_metric_data(
                Namespace="CWAgent",
                MetricData=[
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": "host", "Value": "benchmark"}],
                        "Timestamp": start,
                        "StatisticValues": {
                            "SampleCount": len(values),
                            "Sum": sum(values),
                            "Minimum": min(values),
                            "Maximum": max(values),
                        },
                    }
                    for name, values in series.items()
                ],
            )
            series, minute = {}, int(time.time()) // 60
        for name, value in look(before).items():
            series.setdefault(name, []).append(value)
        time.sleep(1 - time.time() % 1)


if __name__ == "__main__":
    main()
