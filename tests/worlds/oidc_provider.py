"""A certified OpenID provider in its own process, and who signs in there by script."""

import base64
import hashlib
import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from contract.clients.programs import needs, run
from worlds.issuer import AUDIENCE, new_key

SOURCE = Path(__file__).parent / "oidc_provider_in_node"
CLIENT = "console"
REDIRECT = "http://127.0.0.1/"  # at any port (RFC 8252 §7.3)
SCOPE = "openid profile offline_access"
PEOPLE = {
    "ada": {"name": "Ada Lovelace", "business": "studio", "roles": ["owner"]},
    "bob": {"name": "Bob", "business": "studio", "roles": ["read_only"]},
    "eve": {"name": "Eve", "business": "elsewhere", "roles": ["owner"]},
    "zoe": {"name": "Zoe", "business": "studio", "roles": []},
}


async def installed(folder):
    """A copy of it with what its lock names; skips the test where Node is missing."""
    needs("node", "npm")
    workshop = shutil.copytree(SOURCE, folder / "provider")
    await run(
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=workshop, seconds=300
    )
    return workshop


class Provider:
    """One that runs; `start` again on its port with other keys is how its keys change."""

    def __init__(self, workshop, redirects=(REDIRECT,), logout=None):
        """`logout`: where it says by its back channel that somebody has signed out."""
        self.workshop = workshop
        self.redirects = redirects
        self.logout = logout
        self.keys = [new_key("PS256", "first")]
        self.url = None
        self.process = None

    def start(self, *, seconds=300):
        """Serve: the first key signs, all are published; tokens live so many seconds."""
        self.process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=self.workshop,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        said = {
            "port": urlsplit(self.url).port if self.url else 0,
            "keys": [key.as_dict(private=True) for key in self.keys],
            "algorithm": self.keys[0].alg,
            "audience": AUDIENCE,
            "seconds": seconds,
            "redirects": list(self.redirects),
            "people": PEOPLE,
            "logout": self.logout,
        }
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url

    def stop(self):
        """End the process; who comes finds nobody listening."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def signed_in(self, person):
        """What the token endpoint gives a person who signs in: their tokens."""
        with httpx.Client() as http:
            return self.signed_in_by(http, person)

    def signed_in_by(self, http, person):
        """As `signed_in`; their browser, which may sign out then, is `http`."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "client_id": CLIENT,
            "response_type": "code",
            "redirect_uri": self.redirects[0],
            "scope": SCOPE,
            "state": "a-state",
            "prompt": "consent",
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        answer = http.get(f"{self.url}/auth", params=query)
        came = self._answered(http, answer, person)
        assert came["iss"] == [self.url], came
        return self._exchange(http, code=came["code"][0], code_verifier=verifier)

    def sign_out(self, http, id_token):
        """Sign out of the browser's session, as its page asks; clients are told meanwhile."""
        asks = http.get(f"{self.url}/session/end", params={"id_token_hint": id_token})
        assert asks.status_code == 200, asks.text
        xsrf = re.search(r'name="xsrf" value="([^"]+)"', asks.text)[1]
        form = {"xsrf": xsrf, "logout": "yes"}
        answer = http.post(f"{self.url}/session/end/confirm", data=form)
        assert answer.status_code in {200, 303}, answer.text

    def refreshed(self, refresh_token):
        """What the token endpoint gives for a refresh token: its status and its JSON."""
        with httpx.Client() as http:
            form = {"grant_type": "refresh_token", "client_id": CLIENT}
            answer = http.post(f"{self.url}/token", data=form | {"refresh_token": refresh_token})
            return answer.status_code, answer.json()

    def _answered(self, http, answer, person):
        """The parameters of the redirect to the client, after each page has been answered."""
        prompts = iter(
            ({"prompt": "login", "login": person, "password": "x"}, {"prompt": "consent"})
        )
        while True:
            if answer.is_redirect:
                to = urljoin(str(answer.url), answer.headers["location"])
                if to.startswith(self.redirects[0]) and "code=" in to:
                    return parse_qs(urlsplit(to).query)
                answer = http.get(to)
            else:
                assert answer.status_code == 200, answer.text
                answer = http.post(str(answer.url), data=next(prompts))

    def _exchange(self, http, **given):
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "redirect_uri": self.redirects[0],
        }
        answer = http.post(f"{self.url}/token", data=form | given)
        assert answer.status_code == 200, answer.text
        return answer.json()
