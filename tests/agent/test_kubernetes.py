import json
import ssl
import threading
from dataclasses import replace

import pytest

from agent.background import Background
from agent.collectors.kubernetes import Kubernetes
from agent.connection import ConnectionFailed
from agent.context import Owners
from agent.kubernetes import cluster, objects
from agent.kubernetes.api import Api, Refused, server
from agent.kubernetes.node import Looker, Node, parse_resources
from agent.kubernetes.objects import Events
from agent.sample import NoData
from benchmarks.tls import CERTIFICATE, certify
from tests.agent.fakes import TESTDATA, FakeClock, context, loopback

PAGES = TESTDATA / "kubernetes"
TRAIN = (("namespace", "ml"), ("workload", "train"))
SERVE = (("namespace", "ml"), ("workload", "serve"))


def text(name):
    return (PAGES / name).read_text()


def pods():
    return tuple(map(objects.pod, json.loads(text("pods.json"))["items"]))


def found(samples):
    return {(one.metric.name, one.dimensions): one.value for one in samples}


def owned(owners):
    return {device: set(workloads) for device, workloads in owners.by_uuid.items() if workloads}


@pytest.fixture
def account(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    return tmp_path


@pytest.fixture
def api(account):
    """Makes a server's client, with the account's token; closed at the end."""
    made = []

    def connect(url):
        made.append(Api(url, account=account))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def kubelet(request):
    if request.path == "/pods":
        return 200, text("pods.json")
    if request.path == "/metrics/resource":
        return 200, text("resource.txt")
    return 404, ""


def api_server(request):
    path = request.path.partition("?")[0]
    pages = {
        "/api/v1/pods": "pods.json",
        "/api/v1/nodes": "nodes.json",
        "/apis/apps/v1/deployments": "deployments.json",
        "/apis/apps/v1/statefulsets": "statefulsets.json",
    }
    return (200, text(pages[path])) if path in pages else (404, "")


def checkpoint(tmp_path):
    (tmp_path / "device-plugins").mkdir()
    (tmp_path / "device-plugins/kubelet_internal_checkpoint").write_text(text("kubelet_internal_checkpoint"))
    return tmp_path


def test_pods_belong_to_what_made_them_and_not_to_their_passing_names():
    names = [one.workload for one in pods()]

    assert names == ["train", "serve", "nightly", "wants-gpus", "just-accepted"]


def test_a_pod_that_was_only_just_accepted_is_pending_without_statuses():
    newest = pods()[-1]

    assert (newest.phase, newest.ready, dict(newest.restarts), newest.gpus) == ("Pending", False, {}, 0)


def test_the_nodes_pods_and_what_their_workloads_use_are_told(account, api):
    owners, clock = Owners(), FakeClock()
    makes = Node(owners, clock.monotonic, cores=4)
    with loopback(kubelet) as web:
        looker = Looker(api(web.url), None, node="", root=checkpoint(account))
        found(makes.samples(looker.look()))
        clock.advance(10)
        later = looker.look()

    busier = {**later.cpu, ("ml", "train-0"): later.cpu["ml", "train-0"] + 20_000}
    told = found(makes.samples(replace(later, cpu=busier)))

    assert web.requests[0].headers["authorization"] == "Bearer secret"
    assert told["kube_node_pods_running", ()] == 2
    assert told["kube_node_pods_not_ready", ()] == 1, "a pod that has succeeded is no trouble"
    assert told["kube_node_gpus_allocated", ()] == 2
    assert told["kube_node_container_restarts", ()] == 0
    assert told["kube_workload_memory_working_set", TRAIN] == 64 * 2**30
    assert told["kube_workload_cpu_of_node", TRAIN] == pytest.approx(50), "20 of 40 core seconds"
    assert told["kube_workload_cpu_of_node", SERVE] == 0
    assert owned(owners) == {"GPU-0": {TRAIN}, "GPU-1": {TRAIN}}


def test_a_kubelet_that_keeps_its_pods_to_itself_is_not_asked_again(account, api):
    def refuses(request):
        return (403, "") if request.path == "/pods" else kubelet(request)

    with loopback(refuses) as web, loopback(api_server) as cluster_api:
        looker = Looker(api(web.url), api(cluster_api.url), node="node-a", root=account)
        first, second = looker.look(), looker.look()

    assert len(first.pods) == len(second.pods) == 5
    assert [one.path for one in web.requests].count("/pods") == 1
    path, _, query = cluster_api.requests[0].path.partition("?")
    assert path == "/api/v1/pods"
    assert {"resourceVersion=0", "fieldSelector=spec.nodeName%3Dnode-a"} == set(query.split("&"))


def test_a_refused_kubelet_without_an_api_server_is_an_error_that_names_the_path(account, api):
    with loopback(lambda _: (403, "")) as web:
        looker = Looker(api(web.url), None, node="", root=account)
        with pytest.raises(Refused, match="/pods: status 403"):
            looker.look()


def no_kubelet(_):
    raise ConnectionResetError


def test_pods_are_had_from_the_api_server_while_the_kubelet_cannot_be_talked_to(account, api):
    answers = [no_kubelet, no_kubelet, kubelet, kubelet]

    def asked(request):
        return answers.pop(0)(request)

    with loopback(asked) as web, loopback(api_server) as cluster_api:
        looker = Looker(api(web.url), api(cluster_api.url), node="node-a", root=checkpoint(account))
        first, second = looker.look(), looker.look()

    assert (5, {}, {}) == (len(first.pods), first.memory, first.cpu)
    assert {"GPU-0", "GPU-1"} <= set(first.devices)
    assert isinstance(first.failure, ConnectionFailed)
    assert (5, None) == (len(second.pods), second.failure)
    assert len(cluster_api.requests) == 1, "the kubelet is asked again"


@pytest.mark.parametrize("answer, error", [((403, ""), Refused), ((200, "pod_cpu_usage_seconds_total{"), ValueError)])
def test_what_pods_use_is_left_out_where_the_kubelet_does_not_tell_it(account, api, answer, error):
    owners, clock = Owners(), FakeClock()
    makes = Node(owners, clock.monotonic, cores=4)
    resources = [(200, text("resource.txt")), answer, (200, text("resource.txt").replace(" 400.25 ", " 420.25 "))]

    def asked(request):
        return resources.pop(0) if request.path == "/metrics/resource" else kubelet(request)

    with loopback(asked) as web:
        looker = Looker(api(web.url), None, node="", root=checkpoint(account))
        told = []
        for _ in range(3):
            seen = looker.look()
            told.append((found(makes.samples(seen)), seen.failure))
            clock.advance(10)

    (_, _), (second, failure), (third, _) = told
    assert isinstance(failure, error)
    assert second["kube_node_pods_running", ()] == 2
    assert ("kube_workload_memory_working_set", TRAIN) not in second
    assert owned(owners) == {"GPU-0": {TRAIN}, "GPU-1": {TRAIN}}
    assert third["kube_workload_cpu_of_node", TRAIN] == pytest.approx(25), "20 of 80 core seconds since it was told"


@pytest.fixture
def tls(tmp_path):
    certify(tmp_path)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(tmp_path / CERTIFICATE, tmp_path / "key.pem")
    return made


def test_a_kubelet_with_a_certificate_of_its_own_is_believed_by_its_own_authority(tmp_path, tls):
    with loopback(kubelet, tls=tls) as web:
        trusting = Api(web.url, account=tmp_path, authorities=str(tmp_path / CERTIFICATE))
        asked = json.loads(trusting.text("/pods"))
        trusting.close()
        doubting = Api(web.url, account=tmp_path)
        with pytest.raises(ConnectionFailed, match="certificate verify failed"):
            doubting.text("/pods")

    assert len(asked["items"]) == 5


def test_a_collector_fails_after_what_the_kubelet_did_tell(tmp_path):
    def asked(request):
        return (403, "") if request.path == "/metrics/resource" else kubelet(request)

    with loopback(asked) as web:
        collector = Kubernetes(context(kubernetes="node", kubelet_url=web.url, kubelet_root=tmp_path), {})
        with pytest.raises(NoData):
            list(collector.collect())
        for thread in threading.enumerate():
            if thread.name == "kubernetes":
                thread.join(20)
        samples = iter(collector.collect())
        told = [next(samples).metric.name for _ in range(3)]
        with pytest.raises(Refused, match="/metrics/resource: status 403"):
            list(samples)
        collector.close()

    assert "kube_node_pods_running" in told


def test_restarts_and_oom_kills_are_counted_when_they_happen():
    events, before = Events(), pods()
    told = json.loads(text("pods.json"))["items"]
    status = told[0]["status"]["containerStatuses"][0]
    status["restartCount"] = 5
    status["lastState"]["terminated"]["finishedAt"] = "2026-11-21T11:00:00Z"
    after = tuple(map(objects.pod, told))

    first, second, third = events.since(before), events.since(after), events.since(after)

    assert first is None, "what happened before the agent looked is not news"
    assert second == {TRAIN: (2, 1)}
    assert third == {}


def test_a_new_pod_is_not_counted_from_its_past():
    events = Events()
    events.since(())

    assert events.since(pods()[1:2]) == {}


def test_the_cluster_is_told_by_workload(api):
    with loopback(api_server) as web:
        seen = cluster.look(api(web.url))

    told = found(cluster.Cluster().samples(seen))

    assert told["kube_pods_running", ()] == 2
    assert told["kube_pods_pending", ()] == 2
    assert told["kube_pods_failed", ()] == 0
    assert told["kube_pods_not_ready", ()] == 1
    assert told["kube_gpu_pods_pending", ()] == 1
    assert told["kube_replicas_desired", SERVE] == 3
    assert told["kube_replicas_ready", SERVE] == 2
    assert told["kube_replicas_available", TRAIN] == 1
    assert told["kube_workloads_short", ()] == 1
    assert told["kube_nodes_not_ready", ()] == 1
    assert told["kube_gpus_allocatable", ()] == 15
    assert told["kube_gpus_requested", ()] == 10


def test_a_long_list_is_read_page_by_page(api):
    def pages(request):
        if "continue=" in request.path:
            return 200, {"metadata": {}, "items": [{"n": 2}]}
        return 200, {"metadata": {"continue": "a b"}, "items": [{"n": 1}]}

    with loopback(pages) as web:
        items = list(api(web.url).items("/api/v1/pods"))

    assert [{"n": 1}, {"n": 2}] == items
    assert "continue=a%20b" in web.requests[1].path


def test_a_server_whose_certificate_is_not_the_clusters_is_not_told_the_token(api):
    with loopback(kubelet) as web, pytest.raises(ConnectionFailed):
        api(web.url.replace("http:", "https:")).text("/pods")

    assert not web.requests


def test_old_checkpoints_and_other_devices_are_understood():
    old = '{"Data": {"PodDeviceEntries": [{"PodUID": "u", "ResourceName": "nvidia.com/gpu", "DeviceIDs": ["GPU-9"]}]}}'

    assert {"GPU-9": {"u"}} == objects.devices(old)
    assert {"GPU-0": {"u-train-0"}, "GPU-1": {"u-train-0"}, "GPU-7": {"u-gone"}} == objects.devices(
        text("kubelet_internal_checkpoint")
    )


def test_a_gpu_that_is_sliced_by_time_is_every_pods_that_has_a_slice(account, api):
    entries = [
        {"PodUID": uid, "ResourceName": "nvidia.com/gpu", "DeviceIDs": {"0": [device]}}
        for uid, device in (("u-train-0", "GPU-3::0"), ("u-serve-1", "GPU-3::1"), ("u-gone", "GPU-3::2"))
    ]
    root = checkpoint(account)
    written = json.dumps({"Data": {"PodDeviceEntries": entries}})
    (root / "device-plugins/kubelet_internal_checkpoint").write_text(written)
    owners = Owners()
    with loopback(kubelet) as web:
        list(Node(owners, FakeClock().monotonic).samples(Looker(api(web.url), None, node="", root=root).look()))

    assert owned(owners) == {"GPU-3": {TRAIN, SERVE}}


def test_resources_are_read_by_pod():
    memory, cpu = parse_resources(text("resource.txt"))

    assert memory["ml", "train-0"] == 64 * 2**30
    assert cpu["ml", "serve-7d9c8b6f5-x2k4q"] == 12_500


def test_modes_need_what_they_need_and_say_so():
    with pytest.raises(ValueError, match="kubelet_url"):
        Kubernetes(context(kubernetes="node"), {})
    with pytest.raises(ValueError, match="kubelet_ca: '/gone' is not a file"):
        Kubernetes(context(kubernetes="node", kubelet_url="https://n:10250", kubelet_ca="/gone"), {})
    with pytest.raises(ValueError, match="KUBERNETES_SERVICE_HOST"):
        Kubernetes(context(kubernetes="cluster"), {})
    with pytest.raises(NoData):
        list(Kubernetes(context(), {}).collect())
    assert server({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}) == "https://[fd00::1]:6443"


def test_a_kubernetes_collector_that_is_closed_hangs_up():
    with loopback(kubelet) as web:
        collector = Kubernetes(context(kubernetes="node", kubelet_url=web.url), {})
        with pytest.raises(NoData):
            list(collector.collect())
        for thread in threading.enumerate():
            if thread.name == "kubernetes":
                thread.join(20)

        told = found(collector.collect())
        collector.close()

    assert told["kube_node_pods_running", ()] == 2


def test_a_look_in_the_background_is_taken_once_and_its_failure_raised():
    clock, answers, waiting = FakeClock(), iter([1, OSError("down"), 3]), []

    def call():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    looks = Background(
        "x", call, every_seconds=30, monotonic=clock.monotonic, start=lambda _, work: waiting.append(work)
    )
    with pytest.raises(NoData):
        looks.take()
    clock.advance(60)
    with pytest.raises(NoData):
        looks.take()  # the first is still at work: no second is begun
    assert len(waiting) == 1
    waiting.pop()()
    assert looks.take() == 1
    waiting.pop()()
    with pytest.raises(OSError, match="down"):
        looks.take()
