import json

from agent.identity import Identity, find
from tests.agent.fakes import Request, loopback

DOCUMENT = json.dumps({"instanceId": "i-0123456789abcdef0", "region": "eu-west-1", "billingProducts": None})


def metadata(request: Request):
    if (request.method, request.path) == ("PUT", "/latest/api/token"):
        return 200, "token"
    if request.headers.get("x-aws-ec2-metadata-token") == "token":
        return 200, DOCUMENT
    return 401, ""


def identity(tmp_path, environment=None, **told):
    values = {"instance_id": "", "host": "", "region": ""} | told
    return find(**values, sys_root=tmp_path, environment=environment or {})


def test_a_host_on_ec2_is_known_by_its_instance_id(tmp_path):
    with loopback(metadata) as server:
        me = identity(tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url})

    assert (("InstanceId", "i-0123456789abcdef0"),) == me.dimensions
    assert me.region == "eu-west-1"
    assert server.requests[0].headers["x-aws-ec2-metadata-token-ttl-seconds"] == "60"


def test_a_host_elsewhere_is_known_by_its_name_and_nobody_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "gpu-07")

    me = identity(tmp_path)

    assert (("host", "gpu-07"),) == me.dimensions
    assert me.region == ""


def test_a_configured_host_name_goes_before_the_instance_id(tmp_path):
    with loopback(metadata) as server:
        me = identity(tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}, host="gpu-07")

    assert Identity("", "gpu-07", "eu-west-1") == me


def test_nothing_is_asked_when_everything_is_told(tmp_path):
    with loopback(metadata) as server:
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "AWS_REGION": "us-east-2"}
        me = identity(tmp_path, environment, instance_id="i-1")

    assert (("InstanceId", "i-1"),) == me.dimensions
    assert me.region == "us-east-2"
    assert server.requests == []


def test_nitro_firmware_tells_the_instance_id_when_the_metadata_service_is_out_of_reach(tmp_path):
    firmware = tmp_path / "class/dmi/id"
    firmware.mkdir(parents=True)
    (firmware / "sys_vendor").write_text("Amazon EC2\n")
    (firmware / "board_asset_tag").write_text("i-0123456789abcdef0\n")
    with loopback(lambda _: (403, "")) as server:
        me = identity(tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "AWS_REGION": "eu-west-1"})

    assert (("InstanceId", "i-0123456789abcdef0"),) == me.dimensions


def test_the_metadata_service_can_be_forbidden(tmp_path):
    with loopback(metadata) as server:
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, "AWS_EC2_METADATA_DISABLED": "true"}
        identity(tmp_path, environment)

    assert server.requests == []


RESOURCES = json.dumps(
    {
        "current_host": "algo-2",
        "current_instance_type": "ml.p4d.24xlarge",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth0",
    }
)


def test_a_sagemaker_training_jobs_host_is_named_as_in_the_jobs_own_metrics(tmp_path):
    (tmp_path / "resourceconfig.json").write_text(RESOURCES)
    job = {"TRAINING_JOB_NAME": "rank-2026", "AWS_REGION": "eu-west-1"}

    assert (("host", "rank-2026/algo-2"),) == identity(tmp_path, job, job_folders=[tmp_path]).dimensions
    assert (("host", "algo-2"),) == identity(tmp_path, {"AWS_REGION": "eu-west-1"}, job_folders=[tmp_path]).dimensions


def test_a_sagemaker_processing_job_tells_its_name_in_a_file(tmp_path):
    (tmp_path / "resourceconfig.json").write_text(RESOURCES)
    (tmp_path / "processingjobconfig.json").write_text('{"ProcessingJobName": "clean-7", "AppSpecification": {}}')

    assert "clean-7/algo-2" == identity(tmp_path, job_folders=[tmp_path / "none", tmp_path]).host


def test_a_configured_name_goes_before_the_jobs(tmp_path):
    (tmp_path / "resourceconfig.json").write_text(RESOURCES)

    assert "mine" == identity(tmp_path, host="mine", job_folders=[tmp_path]).host


def test_a_job_that_is_not_understood_is_told_and_the_hosts_own_name_used(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("socket.gethostname", lambda: "container")
    (tmp_path / "resourceconfig.json").write_text("[]")

    assert "container" == identity(tmp_path, job_folders=[tmp_path]).host
    assert "SageMaker's job not understood" in caplog.text
