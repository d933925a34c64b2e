"""An endpoint serves real traffic; a bad model version is rolled out; it is rolled back."""

from types import TracebackType
from typing import Self

from core.catalogue import endpoint as catalogue
from core.config import Endpoint
from local.clients import Clients
from local.simulator import BAD, GOOD, EndpointLoad, Machine
from local.world import World


class BadDeploy:
    """One endpoint of the configuration, its good and its bad endpoint configuration, and the load on it.

    A context manager: its client's connections close with it.
    """

    def __init__(self, world: World, endpoint: Endpoint) -> None:
        """`endpoint` is the one to create, load and break."""
        self._world = world
        self._endpoint = endpoint
        self._clients = Clients(url=world.url, region=world.region)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clients.close()

    @property
    def good(self) -> str:
        """The endpoint configuration that serves well."""
        return f"{self._endpoint.name}-v1"

    @property
    def bad(self) -> str:
        """The endpoint configuration that is slow and fails."""
        return f"{self._endpoint.name}-v2"

    def create(self) -> None:
        """Create models, configurations and the endpoint, and start its traffic."""
        for name in (self.good, self.bad):
            self._clients.get("sagemaker").create_model(
                ModelName=name,
                ExecutionRoleArn=f"arn:aws:iam::{self._world.account}:role/sagemaker-execution",
                PrimaryContainer={"Image": f"{self._world.account}.dkr.ecr.{self._world.region}.amazonaws.com/{name}"},
            )
        self._create_config(self.good)
        self._clients.get("sagemaker").create_endpoint(EndpointName=self._endpoint.name, EndpointConfigName=self.good)
        self._world.sagemaker.complete(self._endpoint.name)  # the story begins with a model in service
        machine = catalogue.instance(self._endpoint)
        load = EndpointLoad(
            self._world,
            endpoint=self._endpoint.name,
            variant=self._endpoint.variant,
            machine=Machine(vcpus=machine.vcpus, gpus=machine.gpus),
            versions={self.good: GOOD, self.bad: BAD},
        )
        load.start()

    def break_it(self) -> None:
        """Roll out the bad version."""
        self._create_config(self.bad)
        self._update(self.bad)

    def mend_it(self) -> None:
        """Roll back to the good version."""
        self._update(self.good)

    def _create_config(self, name: str) -> None:
        self._clients.get("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": self._endpoint.variant,
                    "ModelName": name,
                    "InstanceType": self._endpoint.instance_type,
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1.0,
                }
            ],
        )

    def _update(self, config: str) -> None:
        self._clients.get("sagemaker").update_endpoint(
            EndpointName=self._endpoint.name, EndpointConfigName=config, RetainAllVariantProperties=True
        )
