import subprocess

import msgspec
import pytest

from agent import config as agent_config
from core import config_agent
from core.catalogue import host
from stacks.agent import SCRIPT
from tests.stacks.conftest import unzip
from tests.stacks.template import actions, named, of_type, properties, strings


@pytest.fixture
def template(templates):
    return templates["agent"]


def policy_statements(template):
    [policy] = properties(template, "AWS::IAM::ManagedPolicy")
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def commands(template):
    [document] = properties(template, "AWS::SSM::Document")
    [step] = document["Content"]["mainSteps"]
    return step["inputs"]["runCommand"]


def test_the_parameter_holds_settings_that_the_agent_accepts(template, default_config):
    [parameter] = properties(template, "AWS::SSM::Parameter")

    settings = agent_config.load(parameter["Value"])

    assert "/mlwarden/demo/agent" == parameter["Name"]
    assert default_config.agent.sample_seconds == settings.sample_seconds
    assert 60 == settings.publish_seconds
    assert default_config.agent.disk_paths == settings.disk_paths


def test_every_key_for_the_agents_is_the_agents_own():
    ours = config_agent.Agent(
        sample_seconds=1,
        disk_paths=("/", "/data"),
        tier="full",
        most_series=400,
        gpus=8,
        files=("/data/checkpoints",),
        high_resolution=("gpu_xid_critical",),
        spool_megabytes=64,
        statsd_port=8125,
        statsd_tags=("model",),
        otlp_port=4318,
        otlp_attributes=("model",),
        scrape=(config_agent.Page(url="http://127.0.0.1:8000/metrics", metrics=("vllm:*",), labels=("model_name",)),),
    )

    taken = agent_config.load(config_agent.settings(ours))

    own, apart = agent_config.Config(), config_agent.Agent()
    names = [field.name for field in msgspec.structs.fields(config_agent.Agent) if field.name != "target_tag"]
    assert {name: msgspec.to_builtins(getattr(taken, name)) for name in names} == {
        name: msgspec.to_builtins(getattr(ours, name)) for name in names
    }
    assert all(getattr(ours, name) != getattr(apart, name) for name in names), "each is shown to pass"
    assert all(getattr(own, name) == getattr(apart, name) for name in names)


def test_an_instance_may_publish_to_the_agents_namespace_only(template):
    publish = policy_statements(template)["PublishMetrics"]

    assert "cloudwatch:PutMetricData" == publish["Action"]
    assert {"StringEquals": {"cloudwatch:namespace": "CWAgent"}} == publish["Condition"]
    assert {"CWAgent"} == {metric.namespace for metric in host.METRICS}


def test_an_instance_may_read_its_parameter_and_its_archive_only(template):
    statements = policy_statements(template)

    assert "ssm:GetParameter" == statements["ReadSettings"]["Action"]
    parameter = statements["ReadSettings"]["Resource"]["Fn::Join"][1]
    assert ":parameter/mlwarden/demo/agent" == parameter[-1]
    assert "s3:GetObject" == statements["FetchAgent"]["Action"]
    assert statements["FetchAgent"]["Resource"]["Fn::Join"][1][-1].endswith(".zip")


def test_the_role_of_an_instance_reads_no_other_parameter(template):
    [role] = properties(template, "AWS::IAM::Role")
    policy, _ = named(template, "AWS::IAM::ManagedPolicy", "Policy")
    [inline] = role["Policies"]

    assert [{"Ref": policy}] == role["ManagedPolicyArns"]
    allowed = actions(inline["PolicyDocument"]["Statement"])
    assert not {action for action in allowed if action.startswith("ssm:GetParameter")}
    assert "*" not in "".join(allowed)


def test_the_association_finds_instances_by_tag_and_stage(template):
    document, _ = named(template, "AWS::SSM::Document", "Document")
    [association] = properties(template, "AWS::SSM::Association")

    assert {"Ref": document} == association["Name"]
    assert [{"Key": "tag:mlwarden", "Values": ["demo"]}] == association["Targets"]


def test_the_document_runs_the_install_script_with_what_it_needs_to_be_told(template):
    lines = commands(template)

    told = {"".join(strings(line)).removeprefix("export ").partition("=")[0] for line in lines[:4]}

    assert {"ARCHIVE", "RELEASE", "PARAMETER", "AWS_REGION"} == told
    assert SCRIPT.read_text().splitlines() == lines[5:-1]
    assert (lines[4], lines[-1]) == ("bash <<'MLWARDEN_INSTALL'", "MLWARDEN_INSTALL")


def test_the_install_script_is_valid_shell():
    checked = subprocess.run(["bash", "-n", str(SCRIPT)], capture_output=True, text=True, check=False)

    assert ("", 0) == (checked.stderr, checked.returncode)


def test_the_archive_holds_the_agents_wheel_and_its_hashed_requirements(assembly, template):
    resource = policy_statements(template)["FetchAgent"]["Resource"]["Fn::Join"][1][-1]

    names = unzip(assembly / f"asset.{resource.removeprefix('/')}")

    unit = "mlwarden-agent.service"
    assert [unit, "mlwarden_agent-0.1.0-py3-none-any.whl", "requirements.txt"] == list(names)
    assert b"--hash=sha256:" in names["requirements.txt"]


def test_the_stack_tells_which_profile_and_policy_to_give_an_instance(template):
    [profile] = of_type(template, "AWS::IAM::InstanceProfile")

    assert {"Ref": profile} == template["Outputs"]["InstanceProfile"]["Value"]
    assert "InstancePolicy" in template["Outputs"]
