"""The filter patterns of CloudWatch Logs: terms, JSON conditions, space-delimited columns.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

from collections.abc import Callable

from core.cloudwatch.logpatterns import columns, conditions, terms
from core.cloudwatch.logpatterns.tokens import Matched, PatternError

MAX_PATTERN = 1_024  # PutMetricFilter

Pattern = Callable[[str], Matched | None]
"""Holds an event's message against a pattern; None where it does not match."""

__all__ = ["MAX_PATTERN", "Matched", "Pattern", "PatternError", "parse"]


def parse(text: str) -> Pattern:
    """What tells whether an event matches, and what its fields are. Raises PatternError."""
    if len(text) > MAX_PATTERN:
        raise PatternError(f"a pattern has at most {MAX_PATTERN} characters, not {len(text)}")
    stripped = text.strip()
    if stripped.startswith("{"):
        return conditions.parse(stripped)
    if stripped.startswith("["):
        return columns.parse(stripped)
    return terms.parse(stripped)
