#!/usr/bin/env bash
# ratelimit-header-parser 0.1.0 beside express-rate-limit 8.7.5 (of the same authors) and structured-headers 2.1.0, on Node 20;
# seen 2026-11-29.
#
# Since draft 8 the RateLimit field of the IETF is a list of named policies ("default";r=50;t=30), and express-rate-limit sends
# it so when asked. One would guess that its authors' parser reads it, or says that it can't, as it does when there is no such
# header (undefined). It gives an answer in which every number is NaN: `remaining < 1` and `reset > now` are false for ever, and
# a client that paces itself by them never waits.
#
# Output seen:
SEEN='draft-7: {"limit":100,"used":1,"remaining":99}
draft-8: {"limit":null,"used":null,"remaining":null}, remaining < 1: false, remaining >= 1: false
draft-8 by structured-headers: "studio" r=99'
# What we do: a client needs Retry-After alone; RateLimit is sent as draft 11 writes it, and docs/integrating.md waits by Retry-After.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts ratelimit-header-parser@0.1.0 express-rate-limit@8.7.5 \
  express@5.1.0 structured-headers@2.1.0
cat >ask.mjs <<'END_OF_ASK'
import express from "express";
import { rateLimit } from "express-rate-limit";
import { parseRateLimit } from "ratelimit-header-parser";
import { parseList } from "structured-headers";

const app = express();
for (const draft of ["draft-7", "draft-8"])
  app.get(`/${draft}`, rateLimit({ limit: 100, windowMs: 60_000, standardHeaders: draft, legacyHeaders: false, identifier: "studio" }),
    (_request, answer) => answer.end());
const server = app.listen(0, "127.0.0.1", async () => {
  const headers = {};
  for (const draft of ["draft-7", "draft-8"])
    headers[draft] = (await fetch(`http://127.0.0.1:${server.address().port}/${draft}`)).headers;
  const said = (headers) => { const { reset, ...rest } = parseRateLimit({ headers }); return rest; };
  const later = said(headers["draft-8"]);
  console.log(`draft-7: ${JSON.stringify(said(headers["draft-7"]))}`);
  console.log(`draft-8: ${JSON.stringify(later)}, remaining < 1: ${later.remaining < 1}, remaining >= 1: ${later.remaining >= 1}`);
  const [[policy, parameters]] = parseList(headers["draft-8"].get("RateLimit"));
  console.log(`draft-8 by structured-headers: ${JSON.stringify(policy)} r=${parameters.get("r")}`);
  server.close();
  server.closeAllConnections();
});
END_OF_ASK
node ask.mjs | tee seen
diff seen <(echo "$SEEN")
