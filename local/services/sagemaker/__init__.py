"""SageMaker beyond moto: endpoints that take their time, deployment guardrails, Inference Recommender's jobs."""

from local.services.sagemaker.service import SageMaker

__all__ = ["SageMaker"]
