#!/usr/bin/env bash
# orval 8.38.0, swagger-typescript-api 13.13.0, oazapfts 7.5.0 (runtime 1.2.0) and @hey-api/openapi-ts 0.99.0, on Node 20; seen 2026-11-28.
#
# An optional query parameter that Python's frameworks document as `anyOf: [string, null]` is `string | null` in the generated
# TypeScript, so a caller hands on the `next_cursor: null` of a last page, and it compiles. One would guess that null is left
# out of the query, as undefined is. Two send the word "null", as a cursor like any other; one throws before it asks.
#
# Output seen (what the server was asked for):
SEEN='hey-api: /sessions
oazapfts: throws TypeError
orval: /sessions?cursor=null
swagger-typescript-api: /sessions?cursor=null'
# What we do: no parameter of our document may be null, and a cursor "null" is refused (tests/contract/test_every_route.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts orval@8.38.0 swagger-typescript-api@13.13.0 oazapfts@7.5.0 \
  @oazapfts/runtime@1.2.0 @hey-api/openapi-ts@0.99.0 typescript@5.9.3 @types/node@20.19.43
npm pkg set type=module >/dev/null
cat >document.json <<'END'
{"openapi": "3.1.0", "info": {"title": "Classes", "version": "1"}, "servers": [{"url": "/"}],
 "paths": {"/sessions": {"get": {"operationId": "listSessions", "tags": ["schedule"],
   "parameters": [{"name": "cursor", "in": "query", "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}}],
   "responses": {"200": {"description": "A page.", "content": {"application/json": {"schema": {"type": "object"}}}}}}}}}
END
cat >tsconfig.json <<'END'
{"compilerOptions": {"strict": true, "skipLibCheck": true, "target": "es2022", "module": "nodenext", "outDir": "out",
  "lib": ["es2022", "dom", "dom.iterable"], "types": ["node"]}, "files": ["use.ts"]}
END
echo 'export default { one: { input: "document.json", output: { target: "orval.ts", client: "fetch", mode: "single" } } };' >orval.config.mjs
{
  npx orval --config orval.config.mjs
  npx swagger-typescript-api generate -p document.json -o . -n swagger.ts
  npx oazapfts document.json oazapfts.ts
  npx openapi-ts -i document.json -o hey
} >generated.log 2>&1
cat >use.ts <<'END'
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { client } from "./hey/client.gen.js";
import { listSessions as hey } from "./hey/sdk.gen.js";
import { defaults, listSessions as oazapfts } from "./oazapfts.js";
import { listSessions as orval } from "./orval.js";
import { Api } from "./swagger.js";

const asked: string[] = [];
const server = createServer((request, answer) => {
  asked.push(String(request.url));
  answer.setHeader("Content-Type", "application/json").end("{}");
});
await new Promise<void>((up) => server.listen(0, "127.0.0.1", up));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const real = globalThis.fetch;
globalThis.fetch = (input, init) => (typeof input === "string" ? real(new URL(input, address), init) : real(input, init));
client.setConfig({ baseUrl: address });
defaults.baseUrl = address;
const cursor = null; // what the last page said
const calls: Record<string, () => Promise<unknown>> = {
  "hey-api": () => hey({ query: { cursor } }),
  oazapfts: () => oazapfts({ cursor }),
  orval: () => orval({ cursor }),
  "swagger-typescript-api": () => new Api({ baseUrl: address }).sessions.listSessions({ cursor }),
};
for (const [name, call] of Object.entries(calls)) {
  const told = await Promise.resolve().then(call).then(() => asked.pop(), (error: Error) => `throws ${error.name}`);
  console.log(`${name}: ${told}`);
}
server.close();
server.closeAllConnections();
END
npx tsc
node out/use.js | tee seen
diff seen <(echo "$SEEN")
