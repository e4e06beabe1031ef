"""Who may act as whom: whoever made or rotated a key has seen its secret.

For where two must be two: a key that somebody made is in their hands too, and so is one that it
made. A key that a command made is in its holder's hands alone, as far as anybody can know.
"""

from collections import defaultdict

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.callers import CallerKind
from app.db.access import administration


async def are_in_one_hand(conn: AsyncConnection, business_id: str, one: str, other: str) -> bool:
    """Whether one of two callers of a business is the other, or may act as the other.

    `one` and `other` are as `Actor.whole_id` names them. Two keys that a third has made are two. It
    goes by what is written down of keys, which nobody takes back.
    """
    made_by: dict[str, set[str]] = defaultdict(set)
    for prefix, maker in await administration.makers(conn, business_id):
        made_by[f"{CallerKind.KEY}:{prefix}"].add(maker)
    return one in _hands(other, made_by) or other in _hands(one, made_by)


def _hands(caller: str, made_by: dict[str, set[str]]) -> set[str]:
    """Who may act as this caller: it, who made it, who made those."""
    found: set[str] = set()
    open_: set[str] = {caller}
    while open_:
        one = open_.pop()
        found.add(one)
        open_ |= made_by.get(one, set()) - found
    return found
