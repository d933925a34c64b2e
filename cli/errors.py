"""An error that a person caused and can mend: one clear line, no traceback."""


class CommandError(Exception):
    """What went wrong and what would be right; `main` prints it and exits with 1."""
