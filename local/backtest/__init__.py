"""Replays a configuration's alarms over history: from GetMetricData or CSV files to outcomes."""
