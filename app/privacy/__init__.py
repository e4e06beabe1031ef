"""What a client may ask of whoever holds something of them, and what a business removes by age.

`export` tells all of it, `erase` takes out who they are, `retention` does so long after a job.
Which columns that is says `app/db/privacy/columns.py`, and why `docs/privacy.md`.
"""
