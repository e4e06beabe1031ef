"""`/metrics`, for Prometheus: whether the books are in order, jobs move and processes are well.

What the database says is the same from every process. It is not for the public (`may_read`).
"""

from fastapi import APIRouter, Request, Response

from app.api.dependencies import Service
from app.errors import NotFound
from app.operators.exposition import MEDIA_TYPE, Role, exposition, may_read

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, service: Service) -> Response:
    """This process's metrics and the whole service's, in the format that the scraper reads."""
    host = None if request.client is None else request.client.host
    if not may_read(request.headers, host, service.settings):
        raise NotFound("page")
    role = Role.EMBEDDED if service.settings.embedded else Role.API
    paces = None if service.runtime is None else service.runtime.paces
    told = await exposition(service.db, service.settings, role, paces)
    return Response(told, media_type=MEDIA_TYPE)
