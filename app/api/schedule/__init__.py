"""The schedule over HTTP: routes, lists, bodies, the import, and what is public."""
