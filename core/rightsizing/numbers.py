"""Figures of AWS's recommendations, which may be absent or NaN."""

import math
from collections.abc import Mapping
from typing import Any

from core.rightsizing.recommendation import Money


def finite(value: object) -> float | None:
    """The number, None for anything else, NaN and infinities included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def saving(entry: Mapping[str, Any]) -> tuple[Money | None, float | None]:
    """Monthly saving and percent of Compute Optimizer's entry: after discounts where it knows them."""
    for key in ("savingsOpportunityAfterDiscounts", "savingsOpportunity"):
        found = entry.get(key)
        if not isinstance(found, Mapping):
            continue
        monthly = found.get("estimatedMonthlySavings") or {}
        amount = finite(monthly.get("value"))
        if amount is not None:
            money = Money(amount, str(monthly.get("currency") or "USD"))
            return money, finite(found.get("savingsOpportunityPercentage"))
    return None, None
