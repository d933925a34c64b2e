"""DynamoDB's time to live on the clock: each whole minute, items whose instant has passed are gone.

AWS deletes them within a few days, https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html; here it
does so as soon as it may, which a reader of the table must bear as well.
"""

from datetime import datetime, timedelta
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from local.clock import Order
from local.world import World

MINUTE = timedelta(minutes=1)
OLDEST = timedelta(days=5 * 365)
"""An instant longer ago than five years does not count, by the same page."""


def start(world: World) -> None:
    """Expire items in every region at each whole minute from now on, for as long as the clock runs."""
    clock = world.clock

    def sweep() -> None:
        for region in list(world.regions.values()):
            expire(region, clock.now())

    clock.every(MINUTE, sweep, first=clock.now().replace(second=0, microsecond=0) + MINUTE, order=Order.DATUMS)


def expire(world: World, now: datetime) -> None:
    """Delete what has expired in every table of one region."""
    with world.lock:
        for table in dynamodb_backends[world.account][world.region].tables.values():
            if table.ttl.get("TimeToLiveStatus") == "ENABLED":
                _expire(table, str(table.ttl["AttributeName"]), now)


def _expire(table: Any, attribute: str, now: datetime) -> None:
    for item in list(table.all_items()):
        value = item.attrs.get(attribute)
        if value is None or value.type != "N":
            continue
        instant = float(value.value)
        if (now - OLDEST).timestamp() < instant <= now.timestamp():
            table.delete_item(item.hash_key, item.range_key)
