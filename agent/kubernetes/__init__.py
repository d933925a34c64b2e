"""Kubernetes as the agent sees it: what it asks, and what the answers mean."""
