"""The example of docs/testing-alarms.md runs, and the page's tables are those of the code."""

import re
from pathlib import Path

from core.alarmtests import reader, report
from core.cloudwatch import notation
from local.alarmtests.runner import run_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "testing-alarms.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_pages_example_passes(tmp_path: Path) -> None:
    path = tmp_path / "my-alarms.toml"
    path.write_text(EXAMPLE.replace("../config", str(ROOT / "config")))

    result = run_file(path)

    assert report.text([result]) == "1 test in 1 file: 1 passed, 0 failed"


def test_the_failure_that_the_page_shows_is_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "my-alarms.toml"
    path.write_text(EXAMPLE.replace("../config", str(ROOT / "config")).replace("6m OK", "6m ALARM"))

    told = report.text([run_file(path)]).replace(f"{tmp_path}/", "").splitlines()

    assert "```\n" + "\n".join(told[:-1]) + "\n```" in PAGE, "\n".join(told)


def test_every_token_of_the_page_is_one() -> None:
    section = PAGE.split("### Series")[1].split("### Keys")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    tokens = [token for row in rows for token in re.findall(r"`(.*?)`", row)]

    assert len(tokens) >= 11
    for token in tokens:
        assert notation.series(token)


def test_every_key_of_the_language_is_on_the_page() -> None:
    for key in {*reader.FILE, *reader.CASE, *reader.SERIES, *reader.EXPECT, *reader.MESSAGE, *reader.CONTRIBUTORS}:
        assert f"`{key}`" in PAGE or f"{key} = " in PAGE, key
