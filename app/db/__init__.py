"""Persistence: the schema (`tables`), the two engines (`engine`, `dialect`) and one module of SQL per noun.

Every function here takes an open connection and neither commits nor calls anything outside the
database: the step that owns a transaction shows it as an indented block.
"""
