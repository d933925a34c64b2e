"""The `mlwarden` command."""
