"""Commands by which an operator answers for what is held of a client."""

import json


def test_all_that_is_held_of_a_client_is_printed_as_one_document(studio):
    records = [{"type": "client", "id": "kim", "name": "Kim", "email": "kim@example.org"}]
    lines = "\n".join(map(json.dumps, records))
    studio.ok("import", "-", "--business=studio", stdin=lines)
    held = json.loads(studio.ok("clients", "export", "kim", "--business=studio"))
    assert (held["client"]["name"], held["client"]["email"]) == ("Kim", "kim@example.org")
    assert held["bookings"] == []


def test_a_client_is_erased_at_once_and_what_is_held_says_so(studio):
    record = json.dumps({"type": "client", "id": "kim", "name": "Kim", "email": "kim@example.org"})
    studio.ok("import", "-", "--business=studio", stdin=record)
    printed = studio.ok("clients", "erase", "kim", "--business=studio").splitlines()
    assert dict(line.split("\t") for line in printed)["texts"] == "0"
    held = json.loads(studio.ok("clients", "export", "kim", "--business=studio"))
    assert (held["client"]["name"], held["client"]["email"]) == (None, None)
    assert held["client"]["erased_at"] is not None
    told = studio.run("import", "-", "--business=studio", stdin=record)
    assert "Was erased" in told[2]


def test_of_nobody_nothing_is_printed(studio):
    told = studio.told("clients", "erase", "nobody", "--business=studio")
    assert told == "bulk-cancel: There is no such client."
    told = studio.told("clients", "export", "nobody", "--business=studio")
    assert told == "bulk-cancel: There is no such client."
    told = studio.told("clients", "export", "kim", "--business=nobody")
    assert told == "bulk-cancel: There is no business nobody."
