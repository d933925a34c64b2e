"""The agent: collectors → samples → one-minute aggregates → a sink. A shell around core's metrics."""

__version__ = "0.1.0"
