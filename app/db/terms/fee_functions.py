"""What a fee needs of a database beyond plain SQL.

That is a sum by currency, and numbers of more than 64 bits.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_NUMBER: Final = sa.BigInteger()


class fixed_sum(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The fixed sum of a currency, of sums by currency as JSON; 0 for none."""

    type = _NUMBER
    inherit_cache = True
    name = "fixed_sum"


@compiles(fixed_sum, "postgresql")
def _fixed_sum_postgresql(element: fixed_sum, compiler: SQLCompiler, **kw: Any) -> str:
    sums, currency = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"coalesce((CAST({sums} AS json) ->> {currency})::bigint, 0)"


@compiles(fixed_sum, "sqlite")
def _fixed_sum_sqlite(element: fixed_sum, compiler: SQLCompiler, **kw: Any) -> str:
    sums, currency = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"coalesce({sums} ->> {currency}, 0)"


class share_of(FunctionElement[int]):  # noqa: N801
    """`share_of(fee, part, whole)`: fee * part / whole, rounded down, in more than 64 bits."""

    type = _NUMBER
    inherit_cache = True
    name = "share_of"


@compiles(share_of, "sqlite")
def _share_of_sqlite(element: share_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"share_of({compiler.process(element.clauses, **kw)})"


@compiles(share_of, "postgresql")
def _share_of_postgresql(element: share_of, compiler: SQLCompiler, **kw: Any) -> str:
    fee, part, whole = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"div(CAST({fee} AS numeric) * ({part}), nullif({whole}, 0))::bigint"


class smaller_of(FunctionElement[int]):  # noqa: N801
    """The smaller of two numbers."""

    type = _NUMBER
    inherit_cache = True
    name = "smaller_of"


@compiles(smaller_of, "postgresql")
def _smaller_of_postgresql(element: smaller_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"least({compiler.process(element.clauses, **kw)})"


@compiles(smaller_of, "sqlite")
def _smaller_of_sqlite(element: smaller_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"min({compiler.process(element.clauses, **kw)})"
