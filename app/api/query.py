"""Refuses query parameters that a route doesn't declare, or that are given twice.

Unknown members of a body are refused in the same way. Taken in silence, a misspelt filter would
answer with everything.
"""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app.api.validation import problem_from
from app.domain.field_errors import printable
from app.errors import FieldError, Invalid


async def known_parameters(request: Request) -> None:
    """The dependency of every route.

    Pages are left alone: what follows their `?` is for the browser.

    Raises:
        Invalid: it names each parameter of the query at fault. Who may not call the route has been
            told that before.
    """
    route = request.scope["route"]
    if (
        not request.scope["query_string"]
        or not isinstance(route, APIRoute)
        or not route.include_in_schema
    ):
        return
    declared = dict(_declared(route.dependant))
    errors = []
    for name in request.query_params:
        if name not in declared:
            errors.append(
                FieldError(
                    printable(f"?{name}"), "extra-forbidden", "There is no such parameter here."
                )
            )
        elif not declared[name] and len(request.query_params.getlist(name)) > 1:
            errors.append(FieldError(f"?{name}", "repeated", "This is given more than once."))
    if errors:
        raise Invalid([*errors, *_amiss(route.dependant, request)])


def _amiss(dependant: Dependant, request: Request) -> list[FieldError]:
    """What is wrong with the declared ones.

    FastAPI would say it only once no other is at fault.
    """
    _, found = request_params_to_args(dependant.query_params, request.query_params)
    errors = list(problem_from(RequestValidationError(found), None).errors) if found else []
    return [*errors, *(one for inner in dependant.dependencies for one in _amiss(inner, request))]


def _declared(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The query parameters of a route, each with whether it may be given several times."""
    for field in dependant.query_params:
        yield field.alias, _takes_several(field.field_info.annotation)
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _takes_several(annotation: Any) -> bool:
    return get_origin(annotation) in {list, tuple, set} or any(
        map(_takes_several, get_args(annotation))
    )
