"""Deployments to endpoints, as sources of their own: what slows an endpoint while it is changed is expected.

SageMaker developer guide, Events that Amazon SageMaker AI sends to EventBridge: both of an endpoint's events tell.
"""

from datetime import timedelta

from core.catalogue.alarm import Delivery, Severity
from core.incidents.signals import EndpointSignal, EndpointStatus, EventSignal, Signal, Source, State

DEPLOYMENT = "DeploymentInProgress"
"""The condition of an endpoint that is being deployed to: a source of inhibitions, never announced."""

DEPLOYMENT_HOLD = timedelta(hours=2)
"""How long a deployment is believed to run whose end is never told; SageMaker's events are best effort."""

_DEPLOYING = frozenset({EndpointStatus.UPDATING, EndpointStatus.SYSTEM_UPDATING, EndpointStatus.ROLLING_BACK})


def implied(signal: Signal) -> tuple[EventSignal, ...]:
    """What else an event says: an endpoint's, whether a deployment runs. It is a source of its own."""
    if not isinstance(signal, EndpointSignal) or signal.status is EndpointStatus.CREATING:
        return ()
    running = signal.status in _DEPLOYING
    towards = f" to {signal.pending_config}" if signal.pending_config else ""
    return (
        EventSignal(
            source=Source.SAGEMAKER,
            account=signal.account,
            region=signal.region,
            kind="endpoint",
            subject=signal.endpoint,
            condition=DEPLOYMENT,
            state=State.ALARM if running else State.OK,
            at=signal.at,
            title=f"a deployment{towards} is in progress",
            identity=(
                ("account", signal.account),
                ("endpoint", signal.endpoint.lower()),
                ("kind", "endpoint-deployment"),
                ("region", signal.region),
            ),
            severity=Severity.INFO,
            delivery=Delivery.CONTEXT,
            change=f"{signal.status.value}|{signal.pending_config}",
            arn=signal.endpoint_arn,
            resolves_at=signal.at + DEPLOYMENT_HOLD if running else None,
        ),
    )
