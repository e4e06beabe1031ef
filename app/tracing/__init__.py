"""Traces for OpenTelemetry: request → acceptance → slice → call of an upstream, one tree a job.

`spans` is what the rest of the service says, and the one switch; `otel` turns it into spans of the
OpenTelemetry SDK, `sending` hands these to a collector. While nobody asks for traces the last two
are not even loaded. Nothing that becomes of a trace ever becomes of a request or a refund.
"""
