"""IAM: every call of a function and every delivery by a service, held against the policies that are in force."""

from local.access.access import Access, Usage

__all__ = ["Access", "Usage"]
