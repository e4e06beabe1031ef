"""The process of `collector`: takes OTLP over HTTP, reads it by OpenTelemetry's own protobuf.

`python collector_process.py BOOK FAULT [PORT]`: a line of JSON in BOOK for each span, and the port
on standard output. What the file FAULT says is done first: `hang`, `drip` (a head that never ends),
or a status to refuse with.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

BOOK, FAULT = Path(sys.argv[1]), Path(sys.argv[2])
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUSES = {0: "unset", 1: "ok", 2: "error"}


def values_of(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def lines_of(request, headers):
    for resource in request.resource_spans:
        about = values_of(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "name": span.name,
                    "kind": KINDS[span.kind],
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_id": span.parent_span_id.hex(),
                    "status": STATUSES[span.status.code],
                    "said": span.status.message,
                    "attributes": values_of(span.attributes),
                    "events": [event.name for event in span.events],
                    "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    "resource": about,
                    "scope": scope.scope.name,
                    "headers": headers,
                }


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = FAULT.read_text().strip() if FAULT.exists() else ""
        while fault == "hang" and FAULT.exists():
            time.sleep(0.02)
        while fault == "drip" and FAULT.exists():
            self.wfile.write(b"H")
            time.sleep(0.5)
        if fault.isdecimal():
            FAULT.with_name("refused").touch()
            self.answer(int(fault), b"")
            return
        assert self.path == "/v1/traces", self.path
        assert self.headers["content-type"] == "application/x-protobuf"
        request = ExportTraceServiceRequest.FromString(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with BOOK.open("a") as book:
            for line in lines_of(request, headers):
                book.write(json.dumps(line) + "\n")
        self.answer(200, ExportTraceServiceResponse().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    at = ("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    server = ThreadingHTTPServer(at, Collector)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
