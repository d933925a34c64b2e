"""The WSGI application of the embedded AWS: control routes, function URLs, then identity, own services, moto."""

import io
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from moto.backends import list_of_moto_modules
from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from local import answers, control, wire
from local.access import actions, presigned
from local.answers import Answer
from local.errors import ServiceError
from local.functions import urls
from local.services import Services
from local.wire import Call
from local.world import World

log = logging.getLogger(__name__)


class _Moto(DomainDispatcherApplication):
    """moto's dispatcher, which says what is missing instead of failing on it."""

    def get_backend_for_host(self, host: str | None) -> Any:
        """moto's name for the service at `host`."""
        known = host is None or host == "moto_api" or host in list_of_moto_modules()
        if not known and not any(pattern.match(f"http://{host}") for _, pattern in self.backend_url_patterns):
            service = (host or "").split(".")[0]
            raise ServiceError("UnknownService", f"the embedded AWS has no service {service!r}", 501)
        return super().get_backend_for_host(host)


class Application:
    """Serves one world at a time, in every region."""

    def __init__(self, world: World) -> None:
        self._moto = _Moto(create_backend_app)
        self.reset: Callable[[], datetime] = world.clock.now
        """Puts a world as it was at the start in the place of this one."""
        self.keep: Callable[[World], dict[str, Any]] = control.no_store
        """Writes what is kept of a world to its file, and says where."""
        self.serve(world)

    def serve(self, world: World) -> None:
        """Serve this world from now on."""
        self._world = world
        self._services: dict[str, Services] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        if request.path.startswith(control.PREFIX):
            answer = self._control(request)
        elif request.path.startswith(urls.PREFIX):
            answer = urls.respond(self._world, request, self._world.next_id("request"))
        else:
            answer = self._serve(request)
        response = Response(answer.body, answer.status)
        response.headers.clear()
        response.headers.extend(answer.headers)
        if "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(answer.body))
        return response(environ, start_response)

    def _control(self, request: Request) -> Answer:
        try:
            return control.respond(self._world, request, self.reset, self.keep)
        except Exception as error:
            log.exception("due work failed", extra={"path": request.path})
            return Answer(500, (("Content-Type", "text/plain"),), f"{type(error).__name__}: {error}\n".encode())

    def _serve(self, request: Request) -> Answer:
        request_id = self._world.next_id("request")
        call: Call | None = None
        try:
            call = wire.read(request)
            call = wire.parsed(call)
            return self._answer(call, request, request_id)
        except ServiceError as problem:
            return answers.error(call, problem, request_id)
        except Exception as error:
            what = f"{call.service} {call.operation}" if call else request.path
            log.exception("a call failed inside the embedded AWS", extra={"call": what})
            failure = ServiceError("InternalFailure", f"{what}: {type(error).__name__}: {error}", 500)
            return answers.error(call, failure, request_id)

    def _answer(self, call: Call, request: Request, request_id: str) -> Answer:
        world = self._world.at(call.region)
        services = self._services_in(world)
        if call.service == "s3":
            presigned.check(request.args, world.clock.now())
        with world.lock:
            world.access.check_request(
                access_key=call.access_key,
                service=call.service,
                operation=call.operation,
                params=call.params,
                request=request,
            )
        _fail(world, call)
        if (handler := services.unlocked(call)) is not None:
            return handler(call, request_id)
        with world.lock:
            services.check(call)
            if (own := services.handler(call)) is not None:
                return answers.result(call, own(call.operation, call.params), request_id)
            services.before(call)
            answer = self._ask_moto(call, request)
            if answer.status < 300:
                services.after(call)
            return answer

    def _services_in(self, world: World) -> Services:
        with world.lock:
            if world.region not in self._services:
                self._services[world.region] = Services(world)
            return self._services[world.region]

    def _ask_moto(self, call: Call, request: Request) -> Answer:
        environ = dict(request.environ)
        environ["wsgi.input"] = io.BytesIO(call.body)
        environ["CONTENT_LENGTH"] = str(len(call.body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        if call.service != "s3":
            environ.pop("HTTP_CONTENT_ENCODING", None)
        for key in [key for key in environ if key.startswith("werkzeug.")]:
            del environ[key]
        try:
            chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        except NotImplementedError as error:
            raise ServiceError("NotImplemented", f"{call.service} {call.operation}: {error}", 501) from error
        return Answer(int(status.split()[0]), tuple(headers), b"".join(chunks))


def _fail(world: World, call: Call) -> None:
    """Raise the fault that a call meets, if any."""
    if world.faults.are_set:
        scope = actions.Scope(world.account, world.region)
        needs = actions.needs(call.service, call.operation, call.params, scope) or ()
        world.faults.check(call.service, call.operation, [need.resource for need in needs])
