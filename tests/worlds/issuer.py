"""An identity provider of the tests' own: it signs whatever a test says, and counts who asks it."""

import asyncio
import base64
import contextlib
import json
import time

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from worlds.peers import listening

AUDIENCE = "bulk-cancel"
DAY = 86_400


class _Everything(jws.JWSRegistry):
    def get_alg(self, name):
        return self.algorithms["Ed25519" if name == "EdDSA" else name]


def new_key(algorithm, kid):
    """A private key that signs by the algorithm."""
    parameters = {"kid": kid, "alg": algorithm, "use": "sig"}
    if algorithm in {"RS256", "PS256"}:
        return RSAKey.generate_key(2048, parameters)
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters)
    return OKPKey.generate_key("Ed25519", parameters)


class Issuer:
    """What it publishes is `keys`; what it answers, and whether, is as a test left it."""

    def __init__(self, url):
        self.url = url
        self.signing = new_key("PS256", "first")
        self.keys = [self.signing.as_dict(private=False)]
        self.asked = []
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.body = None  # of the key set, in place of a right one
        self.head = "HTTP/1.1 200 OK"
        self.name = url

    @property
    def fetches(self):
        """How often the key set was asked for."""
        return self.asked.count("/keys")

    def claims(self, **others):
        """Claims of an owner of `studio`; what is None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "name": "Ada Lovelace",
            "iat": now,
            "exp": now + 300,
            "business": "studio",
            "roles": ["owner"],
        } | others
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key=None, header=None, **claims):
        """An access token of these claims; members of `header` that are None are left out."""
        key = key or self.signing
        head = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return self.signed(head, json.dumps(self.claims(**claims)), key)

    def signed(self, head, payload, key):
        """A compact JWS whose header says what it likes."""
        registry = _Everything(strict_check_header=False)
        anything = type(key)(key.raw_value, key.raw_value)  # it does not say what it is for
        return jws.serialize_compact(head, payload, anything, registry=registry)

    async def _talk(self, peer, reader, writer):
        request = await peer.read(reader)
        path = request.split(b" ")[1].decode()
        self.asked.append(path)
        await self.answers.wait()
        if self.is_down:
            writer.transport.abort()
            return
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.name,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
            },
            "/keys": {"keys": self.keys},
        }
        body = json.dumps(documents[path]).encode()
        if path == "/keys" and self.body is not None:
            body = self.body
        head = f"{self.head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()


def b64(value):
    """Base64 as tokens have it."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextlib.asynccontextmanager
async def issuing():
    """An issuer on a port of its own while the block runs."""
    issuer = None

    async def talk(peer, reader, writer):
        await issuer._talk(peer, reader, writer)

    async with listening(talk) as peer:
        issuer = Issuer(peer.url)
        yield issuer
        issuer.answers.set()
