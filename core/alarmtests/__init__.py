"""Tests of alarms, written in TOML: what a file says, whether what happened is what it expects, and the report."""
