"""`python -m app.cli` is `bulk-cancel`."""

from app.cli import main

main()
