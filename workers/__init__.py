"""arq's side of the house: settings and task shells of a few lines.

Imports app, is never imported by it.
"""
