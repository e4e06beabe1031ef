"""What tests of isolation ask for: a process that may send to this machine."""

import pytest

from app.config.settings import Settings


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url,
        webhook_loopback=True,
        secrets_file=tmp_path / "secrets.key",
        webhook_timeout_seconds=5,
        upstream_timeout_seconds=20,  # a busy machine is no sick upstream
        upstream_quiescence_seconds=0,
        lease_seconds=30,
        concurrency=8,
    )
