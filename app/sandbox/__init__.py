"""Payment and credit services to try the product against.

They have books of what they did, and switches for faults. They stand alone: nothing of the product
is imported, so the books are an independent witness of what it did. `books`, `payments` and
`journal` keep them, `acts` writes into them, `report` shows them, `contracts` says what a request
must look like, `tokens` who sends it, `faults` draws what goes wrong, `wire` makes it go wrong on
the connection, `hooks` tells how pending refunds ended, `upstream` is one service, `app` puts both
at one address.
"""
