"""Incidents that can be made to happen on the embedded AWS."""
