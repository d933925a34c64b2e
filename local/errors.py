"""Errors that a service of the embedded AWS answers with."""


class ServiceError(Exception):
    """An AWS error response: `code` as AWS spells it, a message, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
