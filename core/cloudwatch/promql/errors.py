"""The one error of PromQL."""


class PromqlError(ValueError):
    """A query that is refused. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def at(position: int, what: str) -> PromqlError:
    """An error whose text names the position."""
    return PromqlError(f"{what} at position {position}", position)
