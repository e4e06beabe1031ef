"""Persistence: the schema, the two engines, and one module of SQL per noun.

The schema is in `tables`, the engines are in `engine` and `dialect`. Every function here takes an
open connection and neither commits nor calls anything outside the database: the step that owns a
transaction shows it as an indented block.
"""
