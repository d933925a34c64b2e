"""Events in, incidents out: normal form, state machine, notification decisions. Values and functions only."""
