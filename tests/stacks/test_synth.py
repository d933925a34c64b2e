import json
import os
import subprocess
import sys

import pytest
from cfnlint.api import lint as cfn_lint

from core.catalogue import lint
from stacks import nag
from stacks.packaging import ROOT
from stacks.synth import SynthError, configuration_path, synth

MAX_RESOURCES = 400
FOREIGN = ("Custom::", "AWS::CloudFormation::CustomResource")


def run(tmp_path, **environment):
    """app.py from another folder, as a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=tmp_path,
        env={**kept, "CDK_OUTDIR": str(tmp_path / "cdk.out"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder):
    """Every file's content by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_synths_write_the_same_bytes_from_wherever_they_are_run(assembly, tmp_path):
    ran = run(tmp_path, PYTHONHASHSEED="1")

    assert (0, "", "") == (ran.returncode, ran.stdout, ran.stderr)
    first, second = files(assembly), files(tmp_path / "cdk.out")
    assert list(first) == list(second)
    assert [] == [name for name in first if first[name] != second[name]]


def test_no_file_of_the_assembly_names_this_machine(assembly):
    written = [path for path in assembly.glob("*.json") if str(ROOT) in path.read_text()]

    assert [] == written


NEWER_ACTION = "[W3037: Check IAM Permission configuration] ('describealarmcontributors' "
"""CloudWatch's DescribeAlarmContributors of 2025, which cfn-lint's list does not have yet."""


def test_cfn_lint_finds_nothing(assembly):
    for path in sorted(assembly.glob("*.template.json")):
        found = [str(match) for match in cfn_lint(path.read_text())]

        assert [] == [text for text in found if not text.startswith(NEWER_ACTION)]


def test_cdk_nag_finds_nothing_that_is_not_accepted(assembly):
    report = json.loads((assembly / "validation-report.json").read_text())

    assert [] == [violation for plugin in report["pluginReports"] for violation in plugin["violations"]]


def test_no_template_nears_the_limit_on_resources(templates):
    for template in templates.values():
        assert 0 < len(template["Resources"]) <= MAX_RESOURCES


def test_the_stacks_are_those_of_the_design(templates):
    assert {"notifications", "reactions", "monitoring", "agent"} == set(templates)


def test_no_custom_resource_runs_at_deploy_time(templates):
    """CDK's conveniences bring Node functions with them, which an embedded AWS cannot run."""
    for template in templates.values():
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        runtimes = {resource["Properties"].get("Runtime") for resource in template["Resources"].values()}

        assert not [kind for kind in kinds if kind.startswith(FOREIGN)]
        assert runtimes <= {None, "python3.14"}


def test_an_alarm_that_cannot_fire_fails_the_synth_before_anything_is_written(default_config, tmp_path, monkeypatch):
    monkeypatch.setattr(lint, "check", lambda alarms: ("mlwarden-demo-ranker-HighCpu: no such metric",))

    with pytest.raises(SynthError, match="ranker-HighCpu: no such metric"):
        synth(default_config, tmp_path / "cdk.out")
    assert not (tmp_path / "cdk.out").exists()


def test_a_finding_of_cdk_nag_that_nobody_accepted_is_one_line(default_config, tmp_path, monkeypatch):
    monkeypatch.setattr(nag, "accept", lambda construct, rule, reason: None)

    with pytest.raises(SynthError) as refused:
        synth(default_config, tmp_path / "cdk.out")

    lines = str(refused.value).splitlines()
    assert [line for line in lines if line.startswith("mlwarden-demo-notifications/Reports/Resource: AwsSolutions-S1:")]


def test_a_configuration_error_ends_with_its_lines_and_no_traceback(tmp_path):
    (tmp_path / "wrong.toml").write_text("[deployment]\nstage = 1\ncolour = 'red'\n")

    ran = run(tmp_path, MLWARDEN_CONFIG="wrong.toml")

    assert 1 == ran.returncode
    assert "deployment.colour" in ran.stderr
    assert "deployment.stage" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "cdk.out").exists()


def test_an_unreadable_configuration_is_one_line(tmp_path):
    ran = run(tmp_path, MLWARDEN_CONFIG="missing.toml")

    assert (1, "missing.toml: No such file or directory\n") == (ran.returncode, ran.stderr)


def test_no_node_is_one_line(tmp_path):
    ran = run(tmp_path, JSII_NODE="/nonexistent/node")

    assert 1 == ran.returncode
    assert ran.stderr.startswith("JSII_NODE=/nonexistent/node is not an executable file")
    assert 1 == len(ran.stderr.splitlines())


@pytest.mark.parametrize(
    "environment,expected",
    [
        ({}, str(ROOT / "config" / "default.toml")),
        ({"CDK_CONTEXT_JSON": '{"config": "one.toml"}'}, "one.toml"),
        ({"CDK_CONTEXT_JSON": '{"config": "one.toml"}', "MLWARDEN_CONFIG": "two.toml"}, "two.toml"),
    ],
)
def test_the_environment_comes_before_the_context_and_that_before_the_default(environment, expected, monkeypatch):
    for name in ("CDK_CONTEXT_JSON", "MLWARDEN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert expected == str(configuration_path())
