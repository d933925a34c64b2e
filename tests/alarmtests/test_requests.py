"""The catalogue's requests are those that the synthesised templates make."""

import json
import re
from pathlib import Path

from core.alarmtests import report
from core.cloudwatch.composite import alarm_name
from core.config import Config
from local.alarmtests import sources, templates
from local.alarmtests.runner import run_file

ROOT = Path(__file__).resolve().parents[2]


def test_a_configurations_requests_are_those_of_its_templates(assembly: Path, default_config: Config) -> None:
    ours = sources.of_config(default_config).requests
    theirs = {one.name: one for one in templates.read(assembly) if one.name}

    assert theirs.keys() == ours.keys()
    for name, one in ours.items():
        assert one.operation == theirs[name].operation
        assert comparable(one.params) == comparable(theirs[name].params), name


def comparable(params: dict[str, object]) -> dict[str, object]:
    """Without what has a physical name, and in one order."""
    found = {key: value for key, value in params.items() if key != "AlarmActions"}
    text = json.dumps(found, sort_keys=True)
    if '"mlwarden:subject", "Value": "platform/' in text:
        found.pop("Dimensions", None)
    if suppressor := found.pop("ActionsSuppressor", None):
        found["ActionsSuppressor"] = alarm_name(str(suppressor))
    tags = found.pop("Tags")
    assert isinstance(tags, list)
    return found | {"Tags": sorted((tag["Key"], tag["Value"]) for tag in tags if tag["Key"].startswith("mlwarden:"))}


def test_the_shipped_endpoint_tests_pass_on_the_synthesised_templates_too(assembly: Path, tmp_path: Path) -> None:
    """What the tests prove of a configuration's alarms, they prove of the templates that are deployed."""
    text = (ROOT / "tests" / "alarms" / "endpoint.toml").read_text(encoding="utf-8")
    text = text.replace('config = "../../config/default.toml"', f'template = "{assembly}"')
    text = re.sub(r"^messages = \[.*?\]$(?=\n\n)", "", text, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "endpoint.toml"
    path.write_text(text.replace('alarm = "', 'alarm = "mlwarden-demo-'))

    result = run_file(path)

    assert result.error is None, report.text([result])
    assert not result.failed, report.text([result])
    assert len(result.results) > 20
