"""Ending sign-ins over HTTP: the identity provider's back channel, and who manages persons."""
