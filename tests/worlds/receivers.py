"""Endpoints that take webhooks: what they heard is the oracle."""

import inspect
import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as a receiver has it."""

    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self):
        return self.headers["webhook-id"]

    @property
    def type(self):
        return json.loads(self.body)["type"]


@dataclass
class Receiver:
    """An endpoint that answers as `reply` says.

    It is a status, one with headers and a body, or what gives either for a request.
    """

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    reply: object = 204

    async def talk(self, peer, reader, writer):
        while True:
            head, body = (await peer.read(reader)).split(b"\r\n\r\n", 1)
            lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
            one = Heard({name.lower(): value for name, value in lines}, body)
            self.heard.append(one)
            answer = self.reply(one) if callable(self.reply) else self.reply
            if inspect.isawaitable(answer):
                answer = await answer
            code, headers, content = (answer, {}, b"") if isinstance(answer, int) else answer
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            length = "" if code == 204 else f"Content-Length: {len(content)}\r\n"
            writer.write(f"HTTP/1.1 {code} As told\r\n{fields}{length}\r\n".encode() + content)
            await writer.drain()

    def ids(self):
        return [one.event_id for one in self.heard]

    def types(self):
        return Counter(one.type for one in self.heard)


def hook_at(peer) -> str:
    return f"{peer.url}/hook"
