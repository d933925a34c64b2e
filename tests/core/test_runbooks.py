"""The runbooks: one a condition, of one form, and their AWS CLI commands are ones that exist."""

import re
import shlex
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import Session

from core.catalogue import alarms
from tests.core.configurations import ROOT

RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*"))
SECTIONS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]
# Commands and options that the AWS CLI adds to the API's own.
CLI_COMMANDS = {("logs", "tail"), ("ssm", "start-session")}
CLI_OPTIONS = {"query", "output", "region", "max-items"}


def test_every_condition_has_its_runbook_and_no_other_is_there():
    assert {f"{condition}.md" for condition in alarms.CONDITIONS} == {page.name for page in RUNBOOKS}


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_has_its_name_and_its_four_sections_in_order(page: Path):
    lines = page.read_text().splitlines()

    assert f"# {page.stem}" == lines[0]
    assert SECTIONS == [line for line in lines if line.startswith("## ")]
    assert 25 <= len(lines) <= 50
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_every_section_says_something(page: Path):
    _, *sections = re.split(r"^## \w+\n", page.read_text(), flags=re.MULTILINE)

    assert all(len(section.split()) >= 10 for section in sections)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbooks_links_lead_to_runbooks(page: Path):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        assert (page.parent / link).is_file(), link


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbooks_commands_exist(page: Path):
    commands = aws_commands(page.read_text())

    assert commands
    for service, operation, options in commands:
        if (service, operation) in CLI_COMMANDS:
            continue
        known = input_members(service, operation)
        unknown = {option for option in options if option.removeprefix("no-") not in known} - CLI_OPTIONS
        assert not unknown, f"aws {service} {operation} has no {unknown}; it has {sorted(known)}"


def aws_commands(text: str) -> list[tuple[str, str, list[str]]]:
    """Service, operation and options of each command in a bash block."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if not line.strip().startswith("aws "):
                continue
            _, service, operation, *words = shlex.split(line.strip())
            found.append((service, operation, [word.removeprefix("--") for word in words if word.startswith("--")]))
    return found


def input_members(service: str, operation: str) -> set[str]:
    """The options the AWS CLI makes of an operation's input."""
    try:
        model = Session().get_service_model(service)
    except UnknownServiceError as error:
        raise AssertionError(f"aws {service}: no such service") from error
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names, f"aws {service} {operation}: no such operation"
    shape = model.operation_model(names[operation]).input_shape
    return {xform_name(member, "-") for member in shape.members} if shape else set()


def test_a_command_that_does_not_exist_is_noticed():
    ((service, operation, options),) = aws_commands("```bash\naws sagemaker describe-endpoint \\\n  --name x\n```")

    assert "endpoint-name" in input_members(service, operation)
    assert ["name"] == options
    with pytest.raises(AssertionError, match="no such operation"):
        input_members("sagemaker", "show-endpoint")
