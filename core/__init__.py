"""Pure values and decisions: no AWS, no I/O, no clock, no randomness."""
