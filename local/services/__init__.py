"""The services that mlwarden answers for itself, and what it does before and after moto answers for the others."""

from collections.abc import Callable
from typing import Any

from local.answers import Answer
from local.services.computeoptimizer import ComputeOptimizer
from local.services.costhub import CostHub
from local.services.functions import FunctionsApi
from local.wire import Call
from local.world import World

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]

OWN_OPERATIONS = {
    "events": {"PutEvents", "TestEventPattern"},
    "sagemaker": {"UpdateEndpoint", "ListInferenceRecommendationsJobs", "DescribeInferenceRecommendationsJob"},
    "sns": {"Publish", "PublishBatch", "ConfirmSubscription"},
}
"""The operations answered here of services that are otherwise moto's."""


class Services:
    """Who answers a call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._functions = FunctionsApi(world)
        self._whole: dict[str, Handler] = {
            "cloudwatch": world.cloudwatch.handle,
            "compute-optimizer": ComputeOptimizer(world).handle,
            "cost-optimization-hub": CostHub(world).handle,
        }
        self._parts: dict[str, Handler] = {
            "events": world.events.handle,
            "sagemaker": world.sagemaker.handle,
            "sns": world.topics.handle,
        }

    def unlocked(self, call: Call) -> Callable[[Call, str], Answer] | None:
        """A handler that takes the world's lock itself, because it may wait for a function."""
        return self._functions.handle if call.service == "lambda" else None

    def handler(self, call: Call) -> Handler | None:
        """The own handler of a call; None leaves it to moto."""
        if call.operation in OWN_OPERATIONS.get(call.service, ()):
            return self._parts[call.service]
        return self._whole.get(call.service)

    def before(self, call: Call) -> None:
        """Look at a call that moto is about to carry out; raises ServiceError for what AWS refuses and moto takes."""
        match call.service:
            case "events":
                self._world.events.check(call.operation, call.params)
            case "sagemaker":
                self._world.sagemaker.before(call.operation, call.params)
            case _:
                pass

    def after(self, call: Call) -> None:
        """Follow up on a call that moto has carried out."""
        match call.service:
            case "events":
                self._world.events.after(call.operation)
            case "sagemaker":
                self._world.sagemaker.after(call.operation, call.params)
            case "sns":
                self._world.topics.after(call)
            case "sqs":
                self._world.queues.after(call.operation)
            case _:
                pass
