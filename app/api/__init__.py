"""The HTTP edge: parse, authorise, call one step, shape the answer.

No SQL and no decision about money lives here.
"""
