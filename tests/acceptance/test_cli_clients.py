"""Commands by which an operator answers for what is held of a client."""

import json


def test_all_that_is_held_of_a_client_is_printed_as_one_document(studio):
    records = [{"type": "client", "id": "kim", "name": "Kim", "email": "kim@example.org"}]
    lines = "\n".join(map(json.dumps, records))
    studio.ok("import", "-", "--business=studio", stdin=lines)
    held = json.loads(studio.ok("clients", "export", "kim", "--business=studio"))
    assert (held["client"]["name"], held["client"]["email"]) == ("Kim", "kim@example.org")
    assert held["bookings"] == []


def test_of_nobody_nothing_is_printed(studio):
    told = studio.told("clients", "export", "nobody", "--business=studio")
    assert told == "bulk-cancel: There is no such client."
    told = studio.told("clients", "export", "kim", "--business=nobody")
    assert told == "bulk-cancel: There is no business nobody."
