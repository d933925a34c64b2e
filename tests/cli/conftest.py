from tests.channels.conftest import table

__all__ = ["table"]
