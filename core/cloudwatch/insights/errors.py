"""The one error of Metrics Insights."""


class InsightsError(ValueError):
    """A query that CloudWatch would refuse. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
