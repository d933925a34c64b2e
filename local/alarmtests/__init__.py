"""Runs alarm tests on the embedded CloudWatch: alarms of a configuration or template, a virtual clock, no server."""
