"""What a client may ask of whoever holds something of them: `export` tells all of it.

Which columns that is says `app/db/privacy/columns.py`, and why `docs/privacy.md`.
"""
