from pathlib import Path

import pytest

from agent.collectors.registry import COLLECTORS
from agent.config import COLLECTORS as NAMES
from agent.config import Config, ConfigError, load
from agent.identity import Identity
from agent.sources import read
from core.catalogue.agent_metric import OWN_DIMENSIONS
from tests.agent.fakes import NOON, loopback


def test_nothing_is_a_whole_configuration():
    assert Config() == load("")


def test_toml_and_json_say_the_same():
    assert load('sample_seconds = 10\ndisk_paths = ["/", "/data"]') == load(
        '{"sample_seconds": 10, "disk_paths": ["/", "/data"]}'
    )


def test_every_problem_is_reported_with_its_key_and_what_would_be_right():
    with pytest.raises(ConfigError) as caught:
        load(
            'sample_second = 5\npublish_seconds = 61\nsample_seconds = "5"\ngpu = "maybe"\ncollectors = ["cpus"]\n'
            'disk_paths = ["data"]\nendpoint_url = "localhost"\nhost = "größe"\nproc_root = "/no/such"\n'
            'namespace = "AWS/EC2"\nsinks = ["cloudwatch", "cloudwatch", "influx", "mlflow", "emf", "stdout"]\n'
            'state_dir = "var"\nhigh_resolution = ["cpu_usage_active", "cpu_usag"]'
        )

    lines = str(caught.value).splitlines()
    problems = dict(line.split(": ", 1) for line in lines)
    sinks = " ".join(line for line in lines if line.startswith("sinks: "))
    assert all(said in sinks for said in ("no sink 'influx'", "twice", "both write to standard output"))
    assert "the sink mlflow needs both" in problems["mlflow_url, mlflow_run_id"]
    assert "not an absolute path" in problems["state_dir"]
    assert "no metric 'cpu_usag'" in problems["high_resolution"]
    assert "unknown key; known: namespace, sample_seconds" in problems["sample_second"]
    assert "multiple of 60" in problems["publish_seconds"]
    assert problems["sample_seconds"] == "expected int, got str"
    assert problems["gpu"].endswith("one of auto, off, simulated, nvidia-smi")
    assert "known: gpu, cpu, load" in problems["collectors"]
    assert "not an absolute path" in problems["disk_paths"]
    assert "not an http or https URL" in problems["endpoint_url"]
    assert "not ASCII" in problems["host"]
    assert "not a folder" in problems["proc_root"]
    assert "reserved by AWS" in problems["namespace"]


def test_no_tag_attribute_or_label_doubles_a_dimension():
    with pytest.raises(ConfigError) as caught:
        load(
            'statsd_tags = ["host", "env"]\notlp_attributes = ["service.name", "env", "service.name"]\n'
            '[[scrape]]\nurl = "http://127.0.0.1:9400/metrics"\nmetrics = ["a"]\nlabels = ["InstanceId", "gpu"]'
        )

    own = "is the agent's own dimension; leave it out, or have the application call it otherwise"
    assert [
        f"statsd_tags: 'host' {own}",
        "otlp_attributes: 'service.name' is there twice",
        f"scrape: labels of page 1: 'InstanceId' {own}",
    ] == str(caught.value).splitlines()
    load('statsd_tags = ["Host", "env"]')


def test_the_agents_own_dimensions_are_those_of_its_identity():
    both = (Identity(instance_id="i-1", host="h", region=""), Identity(instance_id="", host="h", region=""))

    assert OWN_DIMENSIONS == tuple(name for one in both for name, _ in one.dimensions)


@pytest.mark.parametrize("text, said", [("{", "not JSON"), ("a = ", "not TOML"), ("sample_seconds = 0", ">= 1")])
def test_what_cannot_be_read_is_said_in_one_line(text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(text)

    assert "\n" not in str(caught.value)


def test_the_configuration_knows_every_collector_there_is():
    assert tuple(COLLECTORS) == NAMES


def source(name, environment, **changes):
    return read(name, environment=environment, region=lambda: "eu-west-1", now=lambda: NOON, **changes)


def test_the_text_comes_from_the_named_file_before_the_environment(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text("sample_seconds = 1")

    assert source(str(path), {"MLWARDEN_AGENT_CONFIG": "{}"}) == "sample_seconds = 1"
    assert source("", {"MLWARDEN_AGENT_CONFIG": "{}"}) == "{}"
    assert source("", {}, default_file=path) == "sample_seconds = 1"
    assert source("", {}, default_file=tmp_path / "none") == ""


def test_the_text_comes_from_an_ssm_parameter():
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with loopback(lambda _: (200, {"Parameter": {"Value": '{"sample_seconds": 2}'}})) as ssm:
        text = source("ssm:/mlwarden/dev/agent", environment | {"AWS_ENDPOINT_URL": ssm.url})

    assert text == '{"sample_seconds": 2}'
    assert ssm.requests[0].json() == {"Name": "/mlwarden/dev/agent", "WithDecryption": True}
    assert ssm.requests[0].headers["x-amz-target"] == "AmazonSSM.GetParameter"
    assert "eu-west-1/ssm/aws4_request" in ssm.requests[0].headers["authorization"]


def test_a_parameter_that_is_not_there_is_named():
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with (
        loopback(lambda _: (400, {"__type": "ParameterNotFound"})) as ssm,
        pytest.raises(ConfigError, match="ssm:/mlwarden/dev/agent: ParameterNotFound"),
    ):
        source("ssm:/mlwarden/dev/agent", environment | {"AWS_ENDPOINT_URL": ssm.url})


@pytest.mark.parametrize("answer", ["<html>a proxy's page</html>", "[]", "{}", {"Parameter": {}}, {"Parameter": None}])
def test_an_answer_without_a_parameter_is_told_by_its_name(answer):
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with (
        loopback(lambda _: (200, answer)) as ssm,
        pytest.raises(ConfigError, match=r"ssm:/mlwarden/dev/agent: .*Parameter\.Value"),
    ):
        source("ssm:/mlwarden/dev/agent", environment | {"AWS_ENDPOINT_URL": ssm.url})


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        source(str(tmp_path / "agent.toml"), {})


def test_every_key_is_explained_in_the_readme():
    readme = (Path(__file__).parents[2] / "agent" / "README.md").read_text()
    rows = "\n".join(line.split("|")[1] for line in readme.splitlines() if line.startswith("|"))

    assert [] == [key for key in Config.__struct_fields__ if f"`{key}`" not in rows]


def test_paths_that_no_dimension_can_hold_are_refused():
    with pytest.raises(ConfigError) as caught:
        load('disk_paths = ["/données"]\nfiles = ["/ü"]')

    assert "disk_paths: '/données' is not ASCII" in str(caught.value)
    assert "files: '/ü' is not ASCII" in str(caught.value)
