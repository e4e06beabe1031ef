"""What a relay's process is to do wrong, and the book that it keeps; files of its folder are both.

Faults are read before each step, so that who writes them needs no connection to the process. The
book has a JSON line for each event, written before the event is answered: a process that comes
after a killed one knows by it how often each fault was met.
"""

import itertools
import json
from collections import Counter

_ALWAYS = 1 << 62


class Script:
    """What is to go wrong, and the book of what went on."""

    def __init__(self, folder):
        self._faults, self._book = folder / "faults.json", (folder / "book.jsonl").open("a+")
        self._book.seek(0)
        events = map(json.loads, self._book)
        self._used = Counter((one["id"], one["who"]) for one in events if one["event"] == "fault")
        self._read = (None, [])
        self._connections = itertools.count(1)

    def next_connection(self):
        return next(self._connections)

    def faults(self):
        """Those that are set now."""
        version = self._faults.stat().st_mtime_ns
        if version != self._read[0]:
            self._read = (version, json.loads(self._faults.read_text()))
        return self._read[1]

    def met(self, stage, recipient, connection):
        """The fault of this stage whose turn it is, if there is one; it is in the book then."""
        for fault in self.faults():
            who = recipient if fault["each"] else ""
            if (
                fault["stage"] == stage
                and (fault["recipient"] in {None, recipient})
                and self._used[fault["id"], who] < (fault["times"] or _ALWAYS)
            ):
                self._used[fault["id"], who] += 1
                its = {"stage": stage, "act": fault["act"], "id": fault["id"], "who": who}
                self.write("fault", connection=connection, **its)
                return fault
        return None

    def write(self, event, **fields):
        self._book.write(json.dumps({"event": event} | fields) + "\n")
        self._book.flush()
