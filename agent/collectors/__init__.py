"""One file a collector: a pure `parse…()` and a `collect()`; registry.py lists them."""
