"""Beside Prometheus's rule tester: `python -m benchmarks.promtool [--rules 1000] [--minutes 1440]`.

As many alerting rules as series, a sample each minute: `promtool test rules` (Debian's package prometheus) evaluates
them each minute of a day; the embedded AWS advances as many alarms over as many datapoints by a virtual day. Both times
are of a whole process, its start and the reading of its data included. Without promtool only ours is measured.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report

ROOT = Path(__file__).resolve().parents[1]
CHANGING = 100
"""One series in so many breaches for a while, as in benchmarks.virtual_day."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--minutes", type=int, default=1_440)
    parser.add_argument("--promtool", default="promtool", help="the program, where it is not on the PATH")
    options = parser.parse_args()
    ours = [sys.executable, "-m", "benchmarks.virtual_day", "--minutes", str(options.minutes)]
    times = {"mlwarden": _seconds([*ours, "--measure", str(options.rules)])}
    program = shutil.which(options.promtool)
    if program is None:
        print(
            f"{options.promtool} was not found: mlwarden is measured alone (Debian's package prometheus has promtool, "
            "and --promtool names it)\n"
        )
    else:
        version = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout
        print(version.splitlines()[0] + "\n")
        with tempfile.TemporaryDirectory() as folder:
            times["promtool test rules"] = _seconds(
                [program, "test", "rules", str(_written(Path(folder), options.rules, options.minutes))]
            )
    print(f"{options.rules:,} rules and series, {options.minutes:,} samples of each, whole processes\n")
    evaluations = options.rules * options.minutes
    rows = [(name, f"{taken:.1f}", f"{evaluations / taken:,.0f}") for name, taken in times.items()]
    if len(times) > 1:
        rows.append(("ratio", f"{times['promtool test rules'] / times['mlwarden']:.1f}", ""))
    report.table(("", "seconds", "rule minutes/s"), rows)


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _written(folder: Path, rules: int, minutes: int) -> Path:
    """A rule file and its test, as JSON, which is YAML too: each rule like the alarms of benchmarks.virtual_day."""
    listed = [
        {"alert": f"errors_{number}", "expr": f'errors{{host="host-{number}"}} > 5', "for": "2m"}
        for number in range(rules)
    ]
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "benchmark", "rules": listed}]}))
    series = [
        {"series": f'errors{{host="host-{number}"}}', "values": _values(number, minutes)} for number in range(rules)
    ]
    quiet = [{"eval_time": f"{minutes}m", "alertname": f"errors_{number}", "exp_alerts": []} for number in range(rules)]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": quiet}
    path = folder / "test.yml"
    path.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}))
    return path


def _values(number: int, minutes: int) -> str:
    """promtool's notation: `1x9` is ten ones."""
    if number % CHANGING:
        return f"1x{minutes}"
    start = number % (minutes // 2)
    return f"1x{start} 9x9 1x{minutes - start - 11}"


if __name__ == "__main__":
    main()
