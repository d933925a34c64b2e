import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.progress import Bar
from core.catalogue import alarms
from core.config import load
from local import server
from local.backtest import replay
from local.backtest.fetch import Range, fetch
from local.clock import Clock
from tests.cloudwatch.fakes import FakeWorld
from tests.core.configurations import SUBSCRIBER

CONFIG = """
[deployment]
stage = "test"
owner = "ml"
runbooks = "https://example.com/runbooks"
[[endpoints]]
name = "ranker"
instance_type = "ml.m5.xlarge"
p99_ms = 200
traffic = "sporadic"
"""
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
HEADER = "timestamp,namespace,metric,dimensions,value,count\n"
RANKER = "EndpointName=ranker;VariantName=AllTraffic"


def rows(minutes: int, bad: set[int]) -> str:
    lines = []
    for minute in range(minutes):
        at = (START + timedelta(minutes=minute)).isoformat()
        failed = 20 if minute in bad else 0
        lines += [
            f"{at},AWS/SageMaker,Invocations,{RANKER},1,100",
            f"{at},AWS/SageMaker,Invocation5XXErrors,{RANKER},0,{100 - failed}",
            *([f"{at},AWS/SageMaker,Invocation5XXErrors,{RANKER},1,{failed}"] if failed else []),
        ]
    return HEADER + "\n".join(lines) + "\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    config, history = tmp_path / "config.toml", tmp_path / "history.csv"
    config.write_text(CONFIG + SUBSCRIBER)
    history.write_text(rows(240, {*range(100, 105), *range(200, 210)}))
    return config, history


def backtested(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["backtest", "--json", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    return {alarm["alarm"].removeprefix("mlwarden-test-ranker-"): alarm for alarm in found["alarms"]} | {"": found}


def test_csv_history_tells_how_often_an_alarm_would_have_fired_and_for_how_long(files, capsys):
    config, history = files

    found = backtested(capsys, "--config", str(config), "--csv", str(history))

    rate = found["HighErrorRate"]
    assert (rate["fired"], rate["minutes_in_alarm"], rate["came_to"]) == (2, 15.0, 20.0)
    assert rate["alarms"][0] == {"start": "2026-11-20T11:43:00Z", "end": "2026-11-20T11:48:00Z"}
    assert found["Unhealthy"]["fired"] == 2
    assert found["HighCPU"] == {
        "alarm": "mlwarden-test-ranker-HighCPU",
        "severity": "warning",
        "pages": False,
        "replayed": False,
        "note": "no data in the history",
    }
    assert found[""]["pages"] == 2


def test_more_pages_than_the_budget_exit_with_three(files, capsys):
    config, history = files

    assert main(["backtest", "--config", str(config), "--csv", str(history), "--pages-per-week", "50"]) == 3
    assert "the budget of 50 a week is exceeded" in capsys.readouterr().out
    assert main(["backtest", "--config", str(config), "--csv", str(history), "--pages-per-week", "500"]) == 0


def test_the_table_names_thresholds_in_the_units_that_people_read(files, capsys):
    config, history = files

    main(["backtest", "--config", str(config), "--csv", str(history)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "alarm",
        "pages",
        "fired",
        "in",
        "ALARM",
        "flaps",
        "threshold",
        "came",
        "to",
        "suggested",
    ]
    assert lines[1].split()[:7] == ["mlwarden-test-ranker-HighErrorRate", "2", "15", "min", "0", ">=", "5"]


def test_get_metric_data_gives_what_csv_gives(files, capsys):
    """Fetched through boto3 from an embedded AWS into which the same samples went."""
    config, history = files
    of_csv = backtested(capsys, "--config", str(config), "--csv", str(history))
    end = START + timedelta(minutes=240)

    with server.start(clock=Clock(end)) as running:
        for line in history.read_text().splitlines()[1:]:
            at, namespace, metric, _, value, count = line.split(",")
            dimensions = [{"Name": "EndpointName", "Value": "ranker"}, {"Name": "VariantName", "Value": "AllTraffic"}]
            datum = {
                "MetricName": metric,
                "Dimensions": dimensions,
                "Timestamp": datetime.fromisoformat(at).timestamp(),
                "Values": [float(value)],
                "Counts": [float(count)],
            }
            running.world.cloudwatch.put(namespace, [datum])
        where = ["--from-endpoint", running.url, "--end", end.isoformat(), "--days", "0.16"]
        fetched = backtested(capsys, "--config", str(config), *where)

    assert fetched["HighErrorRate"] == of_csv["HighErrorRate"]
    assert fetched["Unhealthy"]["alarms"] == of_csv["Unhealthy"]["alarms"]


def test_history_is_fetched_page_by_page_with_progress():
    config = load(CONFIG + SUBSCRIBER)
    planned = replay.plans(alarms.compute(config), config)
    world = FakeWorld(START)
    steps: list[tuple[int, int]] = []
    calls: list[int] = []

    def get(**params: object) -> dict[str, object]:
        calls.append(len(params["MetricDataQueries"]))  # type: ignore[arg-type]
        start, end = (params[name].timestamp() for name in ("StartTime", "EndTime"))  # type: ignore[attr-defined]
        asked = {**params, "StartTime": start, "EndTime": end, "MaxDatapoints": 500}
        return world.call("GetMetricData", **asked)

    span = Range(int(START.timestamp()) - 14 * 86_400, int(START.timestamp()))
    fetch(get, replay.stats(planned), span, lambda *step: steps.append(step))

    assert steps == [(0, 2), (1, 2), (2, 2)]
    # An answer has room for 100,800 datapoints: five series of 14 days of minutes.
    assert max(calls) == 5


@pytest.mark.parametrize(
    "text,said",
    [
        ("timestamp,namespace,metric,dimension,value\n", "1: column 4 'dimension' is not known; did you"),
        ("timestamp,namespace,metric,dimensions\n", "1: the header lacks value, or count, sum, minimum and maximum"),
        (HEADER, "there are no rows below the header"),
        (HEADER + "soon,A,m,,1,\n", "2: timestamp 'soon': ISO 8601 or epoch seconds are needed"),
        (HEADER + "0,A,m,,one,\n", "2: value 'one': a number is needed"),
        (HEADER + "0,A,m,,nan,\n", "2: value 'nan': a finite number is needed"),
        (HEADER + "0,A,m,x,1,\n", "2: dimensions 'x': pairs such as"),
        (HEADER + "0,A,m,,1,0\n", "2: count '0': a number above 0 is needed"),
        (HEADER + "0,A,m,,,3\n", "2: value '': a row has value, value and count, or count, sum, minimum and maximum"),
        (HEADER + "0,A,m\n", "2: 3 cells under 6 columns"),
        (HEADER + "0,,m,,1,\n", "2: namespace '': may not be empty"),
    ],
)  # fmt: skip
def test_a_bad_csv_is_refused_with_file_and_line(files, capsys, text, said):
    config, history = files
    history.write_text(text)

    assert main(["backtest", "--config", str(config), "--csv", str(history)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--days", "16"], ["--days", "x"], ["--pages-per-week", "-1"], ["--end", "soon"]]
)
def test_an_option_out_of_range_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        main(["backtest", *arguments])
    assert "error: argument" in capsys.readouterr().err


def test_a_cloudwatch_that_does_not_answer_is_told_in_a_line(files, capsys):
    config, _ = files

    assert main(["backtest", "--config", str(config), "--from-endpoint", "http://127.0.0.1:9"]) == 1
    assert "GetMetricData failed: Could not connect" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_grows_on_a_terminal_and_is_wiped_at_the_end():
    out = Terminal()
    with Bar("fetching", out) as bar:
        for step in range(3):
            bar(step, 2)

    assert "fetching [###############...............]  50 %" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")


def test_nothing_is_drawn_where_there_is_no_terminal():
    out = io.StringIO()
    with Bar("fetching", out) as bar:
        bar(1, 2)

    assert out.getvalue() == ""
