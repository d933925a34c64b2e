"""Lambda's REST surface, over the registry of functions: Invoke, and reading what is there."""

import base64
import json
from typing import Any

from local.answers import Answer, result
from local.errors import ServiceError
from local.functions import urls
from local.functions.model import Function, FunctionUrl, Mapping
from local.wire import Call
from local.world import World

LOG_TAIL_BYTES = 4096  # Invoke, X-Amz-Log-Result
MAX_PAYLOAD_BYTES = 6_291_456  # Invoke, synchronous

_ISO = "%Y-%m-%dT%H:%M:%S.000+0000"


class FunctionsApi:
    """Answers Lambda's API. Never called with the world's lock held: Invoke waits for the function."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started = world.clock.now()

    def handle(self, call: Call, request_id: str) -> Answer:
        """Answer a call; raises ServiceError."""
        if call.operation == "Invoke":
            return self._invoke(call, request_id)
        with self._world.lock:
            return result(call, self._read(call.operation, call.params), request_id)

    def _invoke(self, call: Call, request_id: str) -> Answer:
        function = self._function(str(call.params["FunctionName"]))
        if len(call.body) > MAX_PAYLOAD_BYTES:
            raise ServiceError(
                "RequestTooLargeException", f"the payload has {len(call.body)} bytes; {MAX_PAYLOAD_BYTES} at most", 413
            )
        try:
            payload = json.loads(call.body or b"{}")
        except ValueError as error:
            raise ServiceError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from None
        headers: list[tuple[str, str]] = [("Content-Type", "application/json"), ("x-amzn-RequestId", request_id)]
        match call.headers.get("X-Amz-Invocation-Type", "RequestResponse"):
            case "DryRun":
                return Answer(204, tuple(headers), b"")
            case "Event":
                self._world.functions.invoke_later(function.name, payload)
                return Answer(202, tuple(headers), b"")
            case "RequestResponse":
                invocation = self._world.functions.invoke(function.name, payload)
            case other:
                raise ServiceError(
                    "InvalidParameterValueException",
                    f"InvocationType: {other} is none of RequestResponse, Event, DryRun",
                )
        headers.append(("X-Amz-Executed-Version", "$LATEST"))
        if invocation.error:
            headers.append(("X-Amz-Function-Error", invocation.error))
        if call.headers.get("X-Amz-Log-Type") == "Tail":
            tail = "\n".join(invocation.logs).encode()[-LOG_TAIL_BYTES:]
            headers.append(("X-Amz-Log-Result", base64.b64encode(tail).decode()))
        return Answer(200, tuple(headers), json.dumps(invocation.value).encode())

    def _read(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        functions = self._world.functions
        match operation:
            case "ListFunctions":
                return {"Functions": [self._configuration(function) for function in functions.all()]}
            case "GetFunctionConfiguration":
                return self._configuration(self._function(params["FunctionName"]))
            case "GetFunction":
                function = self._function(params["FunctionName"])
                return {
                    "Configuration": self._configuration(function),
                    "Code": {"RepositoryType": "S3", "Location": function.code.path.as_uri()},
                    "Tags": function.tags,
                }
            case "ListEventSourceMappings":
                wanted = params.get("FunctionName")
                return {
                    "EventSourceMappings": [
                        self._mapping(mapping)
                        for mapping in functions.mappings
                        if not wanted or self._function(wanted).name == mapping.function_name
                    ]
                }
            case "GetPolicy":
                function = self._function(params["FunctionName"])
                policy = functions.policy(function.name)
                if not policy:
                    raise ServiceError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
                return {"Policy": json.dumps(policy)}
            case "GetFunctionUrlConfig" | "ListFunctionUrlConfigs":
                name = self._function(params["FunctionName"]).name
                found = [self._url(url) for url in functions.urls if url.function_name == name]
                if operation == "ListFunctionUrlConfigs":
                    return {"FunctionUrlConfigs": found}
                if not found:
                    raise ServiceError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
                return found[0]
            case _:
                raise ServiceError(
                    "InvalidRequestContentException",
                    "the embedded Lambda serves Invoke, ListFunctions, GetFunction, GetFunctionConfiguration, "
                    "GetPolicy, GetFunctionUrlConfig, ListFunctionUrlConfigs and ListEventSourceMappings, not "
                    f"{operation or 'this request'}",
                )

    def _function(self, name: str) -> Function:
        return self._world.functions.get(name)

    def _configuration(self, function: Function) -> dict[str, Any]:
        return {
            "FunctionName": function.name,
            "FunctionArn": self._arn(function.name),
            "Runtime": function.runtime,
            "Role": function.role_arn,
            "Handler": function.handler,
            "Description": function.description,
            "Timeout": int(function.timeout.total_seconds()),
            "MemorySize": function.memory_mb,
            "LastModified": self._started.strftime(_ISO),
            "CodeSha256": base64.b64encode(bytes.fromhex(function.code.digest)).decode(),
            "Version": "$LATEST",
            "Environment": {"Variables": function.environment},
            "TracingConfig": {"Mode": function.tracing},
            "Layers": [{"Arn": layer.arn} for layer in function.layers],
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": [function.architecture],
            "LoggingConfig": {
                "LogFormat": function.log_format,
                "LogGroup": function.log_group or f"/aws/lambda/{function.name}",
            },
        }

    def _url(self, url: FunctionUrl) -> dict[str, Any]:
        return {
            "FunctionUrl": urls.address(self._world, url),
            "FunctionArn": self._arn(url.function_name),
            "AuthType": url.auth_type.value,
            "CreationTime": self._started.strftime(_ISO),
            "LastModifiedTime": self._started.strftime(_ISO),
            "InvokeMode": "BUFFERED",
        }

    def _mapping(self, mapping: Mapping) -> dict[str, Any]:
        return {
            "UUID": mapping.uuid,
            "BatchSize": mapping.batch_size,
            "MaximumBatchingWindowInSeconds": int(mapping.window.total_seconds()),
            "EventSourceArn": mapping.source_arn,
            "FunctionArn": self._arn(mapping.function_name),
            "State": "Enabled" if mapping.enabled else "Disabled",
            "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.report_batch_item_failures else [],
        }

    def _arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self._world.region}:{self._world.account}:function:{name}"
