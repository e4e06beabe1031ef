"""Both services at one address, with books and switches.

The paths are `/payments`, `/credits`, `/balance`, `/books` and `/faults`. What is not of the two
services asks for no token: the sandbox holds no secrets and belongs on a loopback address.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from app.sandbox.books import Book, open_books
from app.sandbox.contracts import CREDITS, PAYMENTS, BalanceBody, PaymentBody, complaint
from app.sandbox.faults import Dice, FaultDocument, Faults
from app.sandbox.journal import Journal
from app.sandbox.report import report
from app.sandbox.tokens import Tokens
from app.sandbox.upstream import SandboxUpstream
from app.sandbox.wire import json_response, problem_response


def create_sandbox(
    books_path: Path | None = None,
    *,
    token: str | None = None,
    tokens_of: Mapping[str, str] | None = None,
) -> Starlette:
    """The sandbox as an ASGI app.

    PAYMENTS_URL is its address with `/payments`, CREDITS_URL with `/credits`.

    Args:
        books_path: the journal that the books are kept in and read back from; None keeps them in
            memory.
        token: the platform's bearer token, that both services ask for; None takes any caller.
        tokens_of: by their id, the tokens of businesses that have one of their own.

    Raises:
        OSError: the journal cannot be read or written.
    """
    books, journal = open_books(books_path)
    tokens = Tokens(token, tokens_of or {})
    payments = SandboxUpstream(PAYMENTS, books["payments"], Dice(Faults()), tokens)
    credit_returns = SandboxUpstream(CREDITS, books["credits"], Dice(Faults()), tokens)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for service in (payments, credit_returns):
            await service.herald.aclose()
        if journal is not None:
            journal.close()

    return Starlette(
        routes=[
            *_payment_routes(books["payments"]),
            Mount("/payments", payments),
            Mount("/credits", credit_returns),
            *_book_routes(payments, credit_returns, journal),
            *_fault_routes(payments, credit_returns),
        ],
        lifespan=lifespan,
    )


def _payment_routes(book: Book) -> list[Route]:
    async def register(request: Request) -> Response:
        try:
            body = PaymentBody.model_validate_json(await request.body())
        except ValidationError as error:
            return problem_response(400, "validation", complaint(error))
        payment_id = request.path_params["payment_id"]
        book.register(payment_id, body.payment(), body.business_id)
        return json_response(200, {"payment_id": payment_id} | body.model_dump())

    async def keep(request: Request) -> Response:
        try:
            body = BalanceBody.model_validate_json(await request.body())
        except ValidationError as error:
            return problem_response(400, "validation", complaint(error))
        book.keep_balance(body.root)
        return json_response(200, body.root)

    return [
        Route("/payments/{payment_id}", register, methods=["PUT"]),
        Route("/balance", keep, methods=["PUT"]),
    ]


def _book_routes(
    payments: SandboxUpstream, credit_returns: SandboxUpstream, journal: Journal | None
) -> list[Route]:
    async def show(request: Request) -> Response:
        effects = request.query_params.get("effects") != "false"
        for service in (payments, credit_returns):
            service.book.settle_due(service.now())
        return json_response(
            200,
            {
                "payments": report(payments.book, effects=effects),
                "credits": report(credit_returns.book, effects=effects),
            },
        )

    async def clear(_: Request) -> Response:
        payments.book.clear()
        credit_returns.book.clear()
        if journal is not None:
            journal.begin(anew=True)
        return Response(status_code=204)

    return [Route("/books", show, methods=["GET"]), Route("/books", clear, methods=["DELETE"])]


def _fault_routes(payments: SandboxUpstream, credit_returns: SandboxUpstream) -> list[Route]:
    async def show(_: Request) -> Response:
        document = FaultDocument(payments=payments.dice.faults, credits=credit_returns.dice.faults)
        return json_response(200, document.model_dump())

    async def change(request: Request) -> Response:
        try:
            document = FaultDocument.model_validate_json(await request.body())
        except ValidationError as error:
            return problem_response(400, "validation", complaint(error))
        payments.dice, credit_returns.dice = Dice(document.payments), Dice(document.credits)
        return await show(request)

    return [Route("/faults", show, methods=["GET"]), Route("/faults", change, methods=["PUT"])]
