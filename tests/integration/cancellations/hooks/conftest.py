"""A job that upstreams have accepted, and that hooks may speak of."""

import pytest
from integration.cancellations.hooks.sent import LEASE_SECONDS, NEW, OLD

from app.config.settings import Settings


@pytest.fixture
def settings(database_url):
    """With two secrets in force, as while one is being changed."""
    return Settings(
        database_url=database_url,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=LEASE_SECONDS,
        concurrency=8,
        hooks_secret=f"{OLD} {NEW}",
    )


@pytest.fixture
async def pending(studio):
    """A job with one payment and one credit that the upstreams have accepted.

    They will have done both when these are looked up.
    """
    await studio.session("yoga")
    await studio.booking("split", "yoga", ("CAD", 2000), ("credits", 2))
    await studio.faults(pending=1, pending_then="succeeded", pending_seconds=0)
    return await studio.accepted()
