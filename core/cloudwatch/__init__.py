"""CloudWatch's own semantics, as pure functions: statistics, alarm evaluation, metric math, composite rules, limits."""
