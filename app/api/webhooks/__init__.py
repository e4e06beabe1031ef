"""Webhooks over HTTP: endpoints to manage, events they are sent, and hooks that come in."""
