import os
import select
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.functions.model import Code, Function, Layer
from local.world import World
from tests.local import templates
from tests.local.functions.roles import role

ECHO = "def handle(event, context):\n    return event\n"


def function(world: World, admin: Clients, folder: Path, source: str, **changes: Any) -> str:
    """Register a function of one module, `app`; its name."""
    path, digest = templates.package(folder, {"app.py": source})
    arn = role(admin, "function", templates.allow("logs:*"))
    values: dict[str, Any] = {
        "name": "f",
        "handler": "app.handle",
        "role_arn": arn,
        "code": Code(path, digest),
        "runtime": "python3.14",
        "log_group": "f",
    }
    world.functions.create(Function(**(values | changes)))
    return "f"


def test_a_handler_gets_the_event_and_lambdas_context(world: World, admin: Clients, tmp_path: Path) -> None:
    source = """
def handle(event, context):
    return {
        "event": event, "id": context.aws_request_id, "name": context.function_name,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
    }
"""
    name = function(world, admin, tmp_path, source, timeout=timedelta(seconds=30), memory_mb=256)

    invocation = world.functions.invoke(name, {"a": [1]})

    left = invocation.value.pop("left")
    assert 0 < left <= 30_000
    assert invocation.value == {
        "event": {"a": [1]},
        "id": invocation.request_id,
        "name": "f",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "memory": "256",
    }


def test_a_worker_imports_the_package_and_its_layers_and_nothing_that_is_installed_here(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    source = """
import importlib
from helper import WORD

def handle(event, context):
    found = []
    for name in ("pytest", "msgspec", "moto", "boto3", "dateutil", "core", "local"):
        try:
            importlib.import_module(name)
            found.append(name)
        except ImportError:
            pass
    return [WORD, found]
"""
    path, digest = templates.package(tmp_path, {"python/helper.py": "WORD = 'from the layer'\n"})
    name = function(world, admin, tmp_path, source, layers=(Layer("arn:layer:1", Code(path, digest)),))

    assert world.functions.invoke(name, {}).value == ["from the layer", []]


def test_a_later_layer_overlays_an_earlier_one_and_the_function_both(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    first = templates.package(tmp_path, {"python/a.py": "X = 1\n", "python/b.py": "X = 1\n", "python/app2.py": ""})
    second = templates.package(tmp_path, {"python/b.py": "X = 2\n", "python/app.py": ""})
    source = "import a, b\ndef handle(event, context):\n    return [a.X, b.X]\n"
    layers = tuple(Layer(f"arn:layer:{number}", Code(*each)) for number, each in enumerate((first, second)))
    name = function(world, admin, tmp_path, source, layers=layers)

    assert world.functions.invoke(name, {}).value == [1, 2]


def test_all_of_a_worker_lives_on_the_invocations_instant_from_before_the_import(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    source = """
import datetime, time
IMPORTED = time.time()

def handle(event, context):
    return [IMPORTED, time.time(), time.time_ns(), datetime.datetime.now().isoformat(),
            datetime.datetime.now(datetime.UTC).isoformat(), time.strftime("%H:%M")]
"""
    name = function(world, admin, tmp_path, source)
    start = world.clock.now().timestamp()

    cold = world.functions.invoke(name, {}).value
    world.clock.advance(timedelta(hours=5, seconds=1))
    warm = world.functions.invoke(name, {}).value

    assert cold[:2] == [start, start]
    assert warm == [
        start,
        start + 18001,
        int(start + 18001) * 10**9,
        "2030-01-01T05:00:01",
        "2030-01-01T05:00:01+00:00",
        "05:00",
    ]


def test_a_worker_sees_lambdas_environment_and_not_the_developers(
    world: World, admin: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "developer")
    source = "import os\ndef handle(event, context):\n    return dict(os.environ)\n"
    name = function(world, admin, tmp_path, source, environment={"STAGE": "demo"})

    environment = world.functions.invoke(name, {}).value

    assert environment["STAGE"] == "demo"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert environment["AWS_ENDPOINT_URL"] == world.url
    assert environment["AWS_ACCESS_KEY_ID"] == world.functions.access_key("f")
    assert "AWS_PROFILE" not in environment
    assert "HOME" not in environment


def test_a_warm_worker_keeps_its_globals(world: World, admin: Clients, tmp_path: Path) -> None:
    source = "CALLS = []\ndef handle(event, context):\n    CALLS.append(event)\n    return len(CALLS)\n"
    name = function(world, admin, tmp_path, source)

    assert [world.functions.invoke(name, {}).value for _ in range(3)] == [1, 2, 3]


def test_an_exception_is_an_unhandled_error_with_the_handlers_own_trace(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    name = function(world, admin, tmp_path, "def handle(event, context):\n    raise ValueError('too hot')\n")

    invocation = world.functions.invoke(name, {})

    assert invocation.error == "Unhandled"
    assert (invocation.value["errorType"], invocation.value["errorMessage"]) == ("ValueError", "too hot")
    assert "worker.py" not in "".join(invocation.value["stackTrace"])
    assert "[ERROR] ValueError: too hot" in invocation.logs


def test_a_handler_that_does_not_end_is_killed_and_the_next_one_starts_afresh(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    source = (
        "def handle(event, context):\n    print('began')\n    while event['loop']:\n        pass\n    return 'done'\n"
    )
    name = function(world, admin, tmp_path, source, timeout=timedelta(seconds=1))
    world.functions.invoke(name, {"loop": False})

    stuck = world.functions.invoke(name, {"loop": True})
    fresh = world.functions.invoke(name, {"loop": False})

    assert stuck.error == "Unhandled"
    assert stuck.value["errorType"] == "Sandbox.Timedout"
    assert stuck.value["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert stuck.logs[0] == "began"
    assert fresh.value == "done"


def test_a_worker_that_dies_is_an_error_and_the_next_one_starts_afresh(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    source = "import os\ndef handle(event, context):\n    if event['die']:\n        os._exit(3)\n    return 'alive'\n"
    name = function(world, admin, tmp_path, source)

    dead = world.functions.invoke(name, {"die": True})
    fresh = world.functions.invoke(name, {"die": False})

    assert dead.value["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in dead.value["errorMessage"]
    assert fresh.value == "alive"


def test_a_module_that_is_missing_and_a_handler_that_is_missing_are_told_apart(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    function(world, admin, tmp_path, ECHO, name="f", handler="gone.handle")
    path, digest = templates.package(tmp_path, {"app.py": ECHO})
    arn = world.functions.get("f").role_arn
    world.functions.create(
        Function(name="g", handler="app.gone", role_arn=arn, code=Code(path, digest), runtime="python3.14")
    )

    module, handler = world.functions.invoke("f", {}), world.functions.invoke("g", {})

    assert module.value["errorType"] == "Runtime.ImportModuleError"
    assert module.value["errorMessage"] == "Unable to import module 'gone': No module named 'gone'"
    assert handler.value["errorType"] == "Runtime.HandlerNotFound"


def test_a_result_that_is_no_json_is_an_error(world: World, admin: Clients, tmp_path: Path) -> None:
    name = function(world, admin, tmp_path, "def handle(event, context):\n    return {1, 2}\n")

    assert world.functions.invoke(name, {}).value["errorType"] == "Runtime.MarshalError"


def test_stopping_ends_every_worker_and_what_it_started(world: World, admin: Clients, tmp_path: Path) -> None:
    source = """
import os, subprocess
def handle(event, context):
    child = subprocess.Popen(["sleep", "600"])
    return [os.getpid(), child.pid]
"""
    name = function(world, admin, tmp_path, source)
    worker, child = world.functions.invoke(name, {}).value
    ended = os.pidfd_open(child)

    world.functions.close()

    assert not Path(f"/proc/{worker}").exists()
    # A signal is delivered, not awaited: the descriptor becomes readable once the process has ended.
    assert select.select([ended], [], [], 10)[0] == [ended]
    os.close(ended)
    assert os.getpid() != worker


def test_large_events_and_results_pass(world: World, admin: Clients, tmp_path: Path) -> None:
    name = function(world, admin, tmp_path, ECHO)
    event = {"text": "ü" * 400_000}

    assert world.functions.invoke(name, event).value == event
