"""Proxies of Debian's in front of what a test serves, set as docs/proxies.md says."""

import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest
from worlds.smtp_server import wait_until

_PAGE: Final = Path(__file__).parents[2] / "docs" / "proxies.md"
SERVED: Final = "127.0.0.1:8000"  # where the page has the API
# In the order of the page: the service is all of a site, or under a prefix of it.
WHOLE: Final = "whole"
PASSED_ON: Final = "passed on"
TAKEN_OFF: Final = "taken off"
WAYS: Final = (WHOLE, PASSED_ON, TAKEN_OFF)
ROOT_PATH: Final = "/bulk-cancel"  # the page's
_PUBLIC: Final = re.compile(r":80\b")  # and the proxy

_AROUND_NGINX: Final = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    {before}
    server {{
        listen {listens};
        {documented}
    }}
}}
"""
_AROUND_APACHE: Final = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/errors
Listen {listens}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
{documented}
"""
_AROUND_CADDY: Final = """
{{
    admin off
    auto_https off
}}
{documented}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A program, what must stand around what the page says, and how it is told where that is."""

    program: str
    around: str
    command: Sequence[str]
    language: str  # of its block in the page

    def documented(self, way: str = WHOLE) -> str:
        """Its settings as the page has them, for one of `WAYS`."""
        found = re.findall(rf"```{self.language}\n(.*?)```", _PAGE.read_text(), re.DOTALL)
        assert len(found) == len(WAYS), self.language
        return str(found[WAYS.index(way)])

    def found(self) -> str:
        """Where it is; the test is not run, or in CI fails, where it is not."""
        program = shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        if program is None:
            is_ci = os.environ.get("CI") == "true"
            (pytest.fail if is_ci else pytest.skip)(f"{self.program} is missing")
        return program

    @contextmanager
    def in_front(
        self, folder: Path, documented: str, *, port: int, before: str = ""
    ) -> Iterator[None]:
        """Have it listen at this port, set so; `before` is for what stands beside that."""
        written = folder / "proxy.conf"
        listens = f"127.0.0.1:{port}"
        documented = _PUBLIC.sub(f":{port}", documented)
        around = {"folder": folder, "listens": listens, "before": before}
        written.write_text(self.around.format(documented=documented, **around))
        command = [one.format(folder=folder, file=written) for one in self.command]
        with (folder / "said").open("wb") as said:
            process = psutil.Popen(
                [self.found(), *command],
                stdout=said,
                stderr=said,
                env=os.environ
                | dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder)),
            )
        try:
            wait_until(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (folder / "said").read_text()
            yield
        finally:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
            process.wait()


NGINX: Final = Proxy("nginx", _AROUND_NGINX, ("-p", "{folder}", "-c", "{file}"), "nginx")
HAPROXY: Final = Proxy("haproxy", "{documented}", ("-f", "{file}"), "haproxy")
APACHE: Final = Proxy("apache2", _AROUND_APACHE, ("-X", "-f", "{file}"), "apache")
CADDY: Final = Proxy(
    "caddy", _AROUND_CADDY, ("run", "--config", "{file}", "--adapter", "caddyfile"), "caddy"
)


def _listens(port: int) -> bool:
    with socket.socket() as ours:
        return ours.connect_ex(("127.0.0.1", port)) == 0
