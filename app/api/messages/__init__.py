"""Messages to clients and staff over HTTP."""
