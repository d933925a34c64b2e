"""What CloudWatch answers to a call that it will not carry out."""


class Refusal(Exception):
    """A refused call: the error code as AWS spells it for clients, and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def invalid_value(message: str) -> Refusal:
    """PutMetricData's, GetMetricStatistics' and ListMetrics' answer to one parameter out of its range."""
    return Refusal("InvalidParameterValue", message)


def invalid_combination(message: str) -> Refusal:
    """The answer to parameters that do not go together."""
    return Refusal("InvalidParameterCombination", message)


def missing(message: str) -> Refusal:
    """The answer to a parameter that is not there."""
    return Refusal("MissingParameter", message)


def validation(message: str) -> Refusal:
    """The answer of the alarm operations and GetMetricData to a parameter they refuse."""
    return Refusal("ValidationError", message)


def unsupported(what: str, supported: str) -> Refusal:
    """A form that AWS takes and the embedded CloudWatch does not yet: refused by name, never accepted silently."""
    return Refusal("ValidationError", f"{what} is not supported yet; supported: {supported}")
