"""What a client may ask of whoever holds something of them.

`export` tells all of it, `erase` takes out who they are. Which columns that is says
`app/db/privacy/columns.py`, and why `docs/privacy.md`.
"""
