"""The platform's schedule as it is kept here: sessions, clients and bookings.

It is read by week, and written record by record. `read` reads it for the business, `public` for
anybody · `records` is the form of one record · `diff` (pure) decides what a batch of records
changes · `apply` is the one transaction that writes a batch, for a PUT and for an import alike ·
`delete` takes one record out · `spool`, `load` and `report` bring in a whole file · `feed` is the
public calendar · `sample` makes up a studio's week. A session that was cancelled here stays so, and
its bookings are frozen.
"""
