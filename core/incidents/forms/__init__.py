"""The shapes in which events arrive, one module a family, each turned into the one normal form of `signals`."""
