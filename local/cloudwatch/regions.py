"""What a region is called, and the partition it is in."""

from functools import cache

from botocore.exceptions import UnknownRegionError
from botocore.session import get_session


@cache
def display_name(region: str) -> str:
    """A region as AWS's messages name it: `US East (N. Virginia)`."""
    for partition in get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region


@cache
def partition(region: str) -> str:
    """`aws`, `aws-cn`, ... as ARNs have it."""
    try:
        return str(get_session().get_partition_for_region(region))
    except UnknownRegionError:
        return "aws"
