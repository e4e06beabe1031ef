"""A queue that prompts nobody."""


class Unheard:
    """A queue whose wakes nobody hears: no worker runs but when a test runs it."""

    reaches_others = False

    def __init__(self):
        self.woken = []

    async def wake(self, job_id, *, after_seconds=0.0, once=None, extra_slice=False):
        self.woken.append(job_id)
        return True

    async def aclose(self):
        pass
