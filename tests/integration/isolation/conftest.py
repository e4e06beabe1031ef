"""What tests of isolation ask for: a process that may send to this machine."""

import pytest
from worlds.office import sender


@pytest.fixture
def settings(database_url, tmp_path):
    return sender(database_url, tmp_path)
