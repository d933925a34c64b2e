"""The process that runs one function's handler: isolated imports, virtual time, Lambda's context and errors.

Started as `python -I -S worker.py SETTINGS` with SETTINGS a JSON object: `site` (where time_machine is), `path` (what
the handler may import, first to last), `root` (the unpacked function), `handler`, `requests` and `replies` (file
descriptors), `now`. Requests and replies are JSON lines. It imports the standard library only.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, Protocol


class Traveller(Protocol):
    """time_machine's handle on the process's time."""

    def move_to(self, destination: float, tick: bool | None = None) -> None:
        """Set the time, in epoch seconds."""


class Context:
    """What Lambda hands a handler beside the event.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.function_name: str = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.invoked_function_arn: str = request["arn"]
        self.memory_limit_in_mb: str = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name: str = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name: str = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + request["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the timeout, in real milliseconds: the virtual clock stands still during an invocation."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def travel(site: str, now: float) -> Traveller:
    """Put the process on `now`, with time_machine borrowed from `site` and nothing else there importable."""
    for optional in ("pytest", "dateutil"):  # time_machine would take them along from `site`
        sys.modules[optional] = None  # type: ignore[assignment]
    sys.path.insert(0, site)
    import time_machine  # importable from here on only

    sys.path.remove(site)
    for name in ("pytest", "dateutil", "dateutil.parser"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return time_machine.travel(now, tick=False).start()


def load(handler: str) -> Any:
    """The handler `module.function`; raises with the errors that Lambda's runtime names."""
    module_name, _, name = handler.rpartition(".")
    if not module_name:
        raise RuntimeError(f"Runtime.MalformedHandlerName: Bad handler '{handler}': it must be module.function")
    module = importlib.import_module(module_name.replace("/", "."))
    return getattr(module, name)


def failure(error: BaseException, request_id: str) -> dict[str, Any]:
    """An error as Lambda answers it; its trace starts at the handler."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(own),
    }


def initialised(handler: str, request_id: str) -> tuple[Any, dict[str, Any] | None]:
    """The handler, or the error that Lambda reports when it cannot be had."""
    module = handler.rpartition(".")[0]
    try:
        return load(handler), None
    except ImportError as error:
        found = failure(error, request_id)
        message = f"Unable to import module '{module}': {error}"
        return None, {**found, "errorType": "Runtime.ImportModuleError", "errorMessage": message}
    except AttributeError as error:
        found = failure(error, request_id)
        message = f"Handler '{handler.rpartition('.')[2]}' missing on module '{module}'"
        kind = "Runtime.HandlerNotFound" if f"'{module}'" in str(error) else type(error).__name__
        return None, {**found, "errorType": kind, "errorMessage": message if "Runtime" in kind else str(error)}
    except Exception as error:  # noqa: BLE001  # whatever a module raises while it is imported is the answer
        return None, failure(error, request_id)


def run(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Call the handler once. The reply has `value`, or `failure`."""
    request_id = request["request_id"]
    try:
        value = handler(request["event"], Context(request))
    except Exception as error:  # noqa: BLE001  # whatever a handler raises is the answer
        return {"failure": failure(error, request_id)}
    try:
        return {"value": json.loads(json.dumps(value))}
    except TypeError as error:
        message = f"Unable to marshal response: {error}"
        return {"failure": {**failure(error, request_id), "errorType": "Runtime.MarshalError", "errorMessage": message}}


def serve(settings: dict[str, Any]) -> None:
    """Answer requests until the parent closes its end, or the handler cannot be loaded."""
    for descriptor in (settings["requests"], settings["replies"]):
        os.set_inheritable(descriptor, False)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed worker's lines are kept
    traveller = travel(settings["site"], settings["now"])
    sys.path[:0] = settings["path"]
    os.chdir(settings["root"])
    handler = None
    with os.fdopen(settings["requests"], encoding="utf-8") as requests, os.fdopen(settings["replies"], "w") as replies:
        for line in requests:
            request = json.loads(line)
            traveller.move_to(request["now"])
            problem = None
            if handler is None:
                handler, problem = initialised(settings["handler"], request["request_id"])
            reply = {"failure": problem} if problem else run(handler, request)
            if found := reply.get("failure"):
                print(f"[ERROR] {found['errorType']}: {found['errorMessage']}\nTraceback (most recent call last):")
                print("".join(found["stackTrace"]))
            sys.stdout.flush()
            sys.stderr.flush()
            replies.write(json.dumps(reply) + "\n")
            replies.flush()
            if problem:
                return


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
