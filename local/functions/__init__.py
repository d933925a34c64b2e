"""Lambda: functions run from their packages, each in a worker process of its own that lives on virtual time."""
