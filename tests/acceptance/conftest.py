"""What tests of commands ask for: a terminal, a studio on it, and servers that end."""

import pytest
from acceptance.terminal import PATIENCE_SECONDS, SANDBOX, Terminal


@pytest.fixture
def terminal(zygote, database_url, tmp_path):
    return Terminal(zygote, tmp_path, database_url=database_url, **SANDBOX)


@pytest.fixture
def on_sqlite(zygote, sqlite_url, tmp_path):
    return Terminal(zygote, tmp_path, database_url=sqlite_url, **SANDBOX)


@pytest.fixture
def studio(terminal):
    return terminal.with_studio()


@pytest.fixture
def studio_on_sqlite(on_sqlite):
    return on_sqlite.with_studio()


@pytest.fixture
def ends_soon(zygote):
    """`ends_soon(process)`: it ends by itself when told to; a hold or a stream takes minutes."""

    def ends(process):
        process.end(PATIENCE_SECONDS)
        err = process.log.read_text()
        assert zygote.ended(process.pid) == 0, err
        assert "Traceback" not in err
        return True

    return ends
