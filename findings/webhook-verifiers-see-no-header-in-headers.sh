#!/usr/bin/env bash
# standardwebhooks 1.1.1 and svix 1.99.1 (npm), on Node 20; seen 2026-11-30.
#
# Both verify a webhook by Standard Webhooks from its body and headers. Handlers of today's JavaScript servers (Next.js, Hono, Bun, Deno, workers at
# the edge) are given a `Request`, whose headers are a `Headers`; one would guess that `verify(await request.text(), request.headers)` is
# what both were made for. Both look for keys of a plain object, of which a `Headers` has none: every webhook, however well signed, is
# refused for "missing required headers". A copy into an object is taken, whatever its capitals are. The body may be a Buffer, but not the
# bytes that `request.bytes()` gives.
#
# Output seen:
SEEN='standardwebhooks, an object: taken
standardwebhooks, an object with capitals: taken
standardwebhooks, the Headers of a Request: Missing required headers
standardwebhooks, the same copied into an object: taken
standardwebhooks, the body as bytes: Expected payload to be of type string or Buffer.
svix, an object: taken
svix, an object with capitals: taken
svix, the Headers of a Request: Missing required headers
svix, the same copied into an object: taken
svix, the body as bytes: Expected payload to be of type string or Buffer.'
# What we do: docs/integrating.md says to copy them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund standardwebhooks@1.1.1 svix@1.99.1 >npm.log 2>&1
cat >verify.mjs <<'END_OF_VERIFY'
import { Webhook as OfStandard } from "standardwebhooks";
import { Webhook as OfSvix } from "svix";

const SECRET = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
const body = '{"type":"refund.succeeded"}';

for (const [name, Webhook] of [["standardwebhooks", OfStandard], ["svix", OfSvix]]) {
  const webhook = new Webhook(SECRET);
  const now = new Date();
  const said = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": webhook.sign("msg_1", now, body),
  };
  const request = new Request("http://studio.example/hook", { method: "POST", headers: said, body });
  const capitals = Object.fromEntries(Object.entries(said).map(([key, value]) => [key.replace(/\b\w/g, (one) => one.toUpperCase()), value]));
  const text = await request.text();
  const tries = [
    ["an object", text, said],
    ["an object with capitals", text, capitals],
    ["the Headers of a Request", text, request.headers],
    ["the same copied into an object", text, Object.fromEntries(request.headers)],
    ["the body as bytes", new TextEncoder().encode(text), said],
  ];
  for (const [what, payload, headers] of tries) {
    let how = "taken";
    try {
      webhook.verify(payload, headers);
    } catch (error) {
      how = error.message;
    }
    console.log(`${name}, ${what}: ${how}`);
  }
}
END_OF_VERIFY
node verify.mjs | tee seen
diff seen <(echo "$SEEN")
