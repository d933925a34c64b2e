"""The services that mlwarden answers for itself, and what it does before and after moto answers for the others."""

from collections.abc import Callable
from typing import Any

from local.answers import Answer
from local.cloudformation import CloudFormation
from local.errors import ServiceError
from local.moves import Moves
from local.protocols import shapes
from local.services.autoscaling import Autoscaling
from local.services.computeoptimizer import ComputeOptimizer
from local.services.costhub import CostHub
from local.services.functions import FunctionsApi
from local.services.sts import Sts
from local.wire import Call, model
from local.world import World

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]

OWN_OPERATIONS = {
    "application-autoscaling": {"DescribeScalingActivities"},
    "events": {"PutEvents", "TestEventPattern"},
    "logs": {"TestMetricFilter"},
    "sagemaker": {
        "UpdateEndpoint",
        "DeleteEndpoint",
        "ListInferenceRecommendationsJobs",
        "ListInferenceRecommendationsJobSteps",
        "DescribeInferenceRecommendationsJob",
    },
    "sns": {"Publish", "PublishBatch", "ConfirmSubscription"},
    "sqs": {"StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"},
    "sts": {"AssumeRole"},
}
"""The operations answered here of services that are otherwise moto's."""

HELD_TO_MODEL = {"events", "sagemaker"}
"""Services whose calls are held against botocore's model: required members, lengths, ranges, enumerations, patterns."""
OWN_WORDS = {"PutEvents", "TestEventPattern"}
"""Of those, the operations that answer with messages of their own."""

REFUSED = {
    "scheduler": "EventBridge Scheduler is not served here: its schedules would never fire; use a rule's schedule",
    "pipes": "EventBridge Pipes is not served here: its pipes would carry nothing",
    "stepfunctions": "Step Functions is not served here: mlwarden's stacks use none",
}
"""Services that moto would take calls for and nothing would come of it."""


class Services:
    """Who answers a call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._functions = FunctionsApi(world)
        self._cloudformation = CloudFormation(world)
        self._whole: dict[str, Handler] = {
            "cloudwatch": world.cloudwatch.handle,
            "compute-optimizer": ComputeOptimizer(world).handle,
            "cost-optimization-hub": CostHub(world).handle,
        }
        self._autoscaling = Autoscaling(world)
        self._parts: dict[str, Handler] = {
            "application-autoscaling": self._autoscaling.handle,
            "events": world.events.handle,
            "logs": world.logs.handle,
            "sagemaker": world.sagemaker.handle,
            "sns": world.topics.handle,
            "sqs": Moves(world).handle,
            "sts": Sts(world).handle,
        }

    def unlocked(self, call: Call) -> Callable[[Call, str], Answer] | None:
        """A handler that takes the world's lock itself, because it may wait for a function or call other services."""
        match call.service:
            case "lambda":
                return self._functions.handle
            case "cloudformation":
                return self._cloudformation.handle
            case _:
                return None

    def check(self, call: Call) -> None:
        """Refuse what does not fit a service's model and moto takes; raises ServiceError."""
        if call.service in HELD_TO_MODEL and call.operation not in OWN_WORDS and (operation := model(call)) is not None:
            shapes.check_whole(operation, call.params)

    def handler(self, call: Call) -> Handler | None:
        """The own handler of a call; None leaves it to moto."""
        if call.operation in OWN_OPERATIONS.get(call.service, ()):
            return self._parts[call.service]
        return self._whole.get(call.service)

    def before(self, call: Call) -> None:
        """Look at a call that moto is about to carry out; raises ServiceError for what AWS refuses and moto takes."""
        if call.service in REFUSED:
            raise ServiceError("NotImplemented", REFUSED[call.service], 501)
        match call.service:
            case "application-autoscaling":
                self._autoscaling.before(call.operation, call.params)
            case "events":
                self._world.events.check(call.operation, call.params)
            case "logs":
                self._world.logs.before(call.operation, call.params)
            case "sagemaker":
                self._world.sagemaker.before(call.operation, call.params)
            case _:
                pass

    def after(self, call: Call) -> None:
        """Follow up on a call that moto has carried out."""
        match call.service:
            case "application-autoscaling":
                self._autoscaling.after(call.operation)
            case "events":
                self._world.events.after(call.operation)
            case "logs":
                self._world.logs.after(call.operation, call.params)
            case "sagemaker":
                self._world.sagemaker.after(call.operation, call.params)
            case "sns":
                self._world.topics.after(call)
            case "sqs":
                self._world.queues.after(call.operation)
            case _:
                pass
