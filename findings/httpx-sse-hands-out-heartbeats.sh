#!/usr/bin/env bash
# httpx-sse 0.4.3 and @microsoft/fetch-event-source 2.0.1, beside sseclient-py 1.9.0, requests-sse 0.5.3 and eventsource 4.1.1, on
# Python 3.11 and Node 20; seen 2026-11-29.
#
# A stream that may be silent for a while sends a comment now and then (": still here" and an empty line), as HTML itself
# suggests, and no client shows those: a block without data is no event. One would guess the same of these two. httpx-sse
# makes a `message` without data of each, once there has been an event with an id, so that a stream tested for its first seconds
# works and `.json()` raises in a quiet minute; fetch-event-source makes one of each from the first on.
#
# Output seen (the events of: a comment, refund 1, a comment):
SEEN='httpx-sse: refund "1", message ""
sseclient-py: refund "1"
requests-sse: refund "1"
fetch-event-source: message "", refund "1", message ""
eventsource: refund "1"'
# What we do: heartbeats stay as they are, since clients split at the empty line; docs/integrating.md says to pass over what has no data.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv readers
readers/bin/pip -q install httpx==0.28.1 httpx-sse==0.4.3 sseclient-py==1.9.0 requests-sse==0.5.3 requests==2.34.2 2>pip.log
npm install --silent --no-audit --no-fund --ignore-scripts @microsoft/fetch-event-source@2.0.1 eventsource@4.1.1
cat >serve.py <<'END_OF_SERVE'
import http.server

STREAM = b': still here\n\nid: 1\nevent: refund\ndata: "1"\n\n: still here\n\n'


class Stream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(STREAM)))
        self.end_headers()
        self.wfile.write(STREAM)

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stream) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
END_OF_SERVE
python3 serve.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done
cat >read.py <<'END_OF_READ'
import sys

import httpx
import httpx_sse
import requests
import requests_sse
import sseclient

EMPTY = '""'
url = f"http://127.0.0.1:{sys.argv[1]}/"


def show(name, found):
    print(f"{name}:", ", ".join(f"{kind} {data or EMPTY}" for kind, data in found))


with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", url) as source:
    show("httpx-sse", [(one.event, one.data) for one in source.iter_sse()])
with requests.get(url, stream=True) as answer:
    show("sseclient-py", [(one.event, one.data) for one in sseclient.SSEClient(answer).events()])
with requests_sse.EventSource(url, max_connect_retry=0) as source:
    found = []
    for one in source:
        if found and one.data == found[0][1]:  # it has come back, and reads the stream anew
            break
        found.append((one.type, one.data))
show("requests-sse", found)
END_OF_READ
cat >read.mjs <<'END_OF_READ'
import { EventSource } from "eventsource";
import library from "@microsoft/fetch-event-source";

// What the library asks of a page.
globalThis.window = { fetch, setTimeout, clearTimeout };
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const url = `http://127.0.0.1:${process.argv[2]}/`;

let found = [];
await library.fetchEventSource(url, { onmessage: (one) => found.push(`${one.event || "message"} ${one.data || '""'}`) });
console.log("fetch-event-source:", found.join(", "));
found = [];
const source = new EventSource(url);
for (const kind of ["refund", "message"]) source.addEventListener(kind, (one) => found.push(`${kind} ${one.data || '""'}`));
await new Promise((end) => source.addEventListener("error", end)); // the stream has ended
source.close();
console.log("eventsource:", found.join(", "));
END_OF_READ
{
  readers/bin/python read.py "$(cat port)"
  node read.mjs "$(cat port)"
} | tee seen
diff seen <(echo "$SEEN")
