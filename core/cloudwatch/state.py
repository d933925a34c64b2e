"""The state of an alarm."""

from enum import StrEnum


class State(StrEnum):
    """The state of an alarm, CloudWatch's StateValue."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
