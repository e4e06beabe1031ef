"""Every route that wants a key, and the smallest body that it takes."""

from fastapi.routing import APIRoute, iter_route_contexts

from app.api.hot_routes import HotRoutes
from app.auth.roles import PlatformScope, Scope

# What anybody may call; a route that is neither here nor refuses a caller without a key is a fault.
OPEN = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
    ("GET", "/bulk-cancel"),
    ("GET", "/terms"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{job_id}"),
    ("GET", "/settings"),
    ("GET", "/settings/messages"),
    ("GET", "/settings/keys"),
    ("GET", "/settings/webhooks"),
    ("GET", "/settings/page"),
    ("GET", "/settings/business"),
    ("GET", "/settings/limits"),
    ("GET", "/settings/privacy"),
    ("GET", "/clients"),
    ("GET", "/c/{business_id}"),
    ("GET", "/embed/{business_id}"),
    ("GET", "/problems/{slug}"),
    ("GET", "/v1/public/{business_id}/schedule"),
    ("GET", "/v1/public/{business_id}/schedule.ics"),
    ("GET", "/v1/public/{business_id}/logo/{tag}"),
    ("GET", "/v1/evidence/keys"),
    ("GET", "/choose/{token}"),
    ("GET", "/v1/choices/{token}"),
    ("GET", "/yours/{token}"),
    ("GET", "/v1/client-pages/{token}"),
    ("POST", "/v1/choices/{token}"),
    ("GET", "/unsubscribe/{token}"),
    ("POST", "/unsubscribe/{token}"),
    ("GET", "/v1/mail-preferences/{token}"),
    ("PUT", "/v1/mail-preferences/{token}"),
}
WHOSE_KEY = ("GET", "/v1/business")
# May ask these.
ANY_KEY = {
    WHOSE_KEY,
    ("GET", "/v1/terms"),
    ("GET", "/v1/approval-limits"),
    ("GET", "/v1/approval-limits/history"),
    ("GET", "/v1/terms/history"),
    ("GET", "/v1/message-settings"),
    ("GET", "/v1/message-templates"),
    ("GET", "/v1/public-page"),
}
# What the identity provider calls: it has no key and signs what it sends, in the body.
BACK_CHANNEL = ("POST", "/v1/hooks/logout")
# What an upstream calls: it has no key and signs what it sends.
SIGNED = {
    ("POST", "/v1/hooks/payments"),
    ("POST", "/v1/hooks/credits"),
    ("POST", "/v1/hooks/stripe"),
    ("POST", "/v1/hooks/messages"),
}
OPEN_MOUNTS = {"/console", "/docs/assets"}


def keyed_routes(app):
    """(method, path, scopes) of every route that callers of a business may ask."""
    return [
        (method, path, [Scope(scope) for scope in scopes])
        for method, path, scopes in _closed_routes(app)
        if PlatformScope.PLATFORM_ADMIN not in scopes
    ]


def platform_routes(app):
    """(method, path) of every route that is for who stands above businesses alone."""
    return [
        (method, path)
        for method, path, scopes in _closed_routes(app)
        if scopes == [PlatformScope.PLATFORM_ADMIN]
    ]


def _closed_routes(app):
    """(method, path, scopes) of every route but the open ones."""
    document = app.openapi()
    routes = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, HotRoutes):
            # Its paths come again, and it is beneath the layer that knows who may call those.
            continue
        if context.methods is None:
            assert context.path in OPEN_MOUNTS, (
                f"{context.path} is mounted, and nothing here says who may see it"
            )
            continue
        for method in context.methods - {"HEAD"}:
            if (method, context.path) in OPEN | SIGNED | {BACK_CHANNEL}:
                continue
            assert isinstance(context.original_route, APIRoute), f"{context.path} is no API route"
            operation = document["paths"][context.path_format][method.lower()]
            (requirement,) = operation["security"]
            ((_, scopes),) = requirement.items()
            assert scopes or (method, context.path) in ANY_KEY, context.path
            routes.append((method, context.path_format, scopes))
    return routes


SIMPLEST = {"boolean": False, "string": "x", "null": None}
FORMATS = {"date": "2026-11-23", "date-time": "2026-11-23T09:00:00Z"}


def smallest(schema, document):
    """The smallest value that a JSON Schema takes, near enough for our bodies."""
    match schema:
        case {"$ref": ref}:
            return smallest(document["components"]["schemas"][ref.rsplit("/", 1)[1]], document)
        case {"const": value} | {"enum": [value, *_]} | {"examples": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return smallest(first, document)
        case {"type": "object"}:
            return {
                name: smallest(schema["properties"][name], document)
                for name in schema.get("required", [])
            }
        case {"type": "array"}:
            return [smallest(schema["items"], document)] * schema.get("minItems", 0)
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 0)
        case _:
            return FORMATS.get(schema.get("format"), SIMPLEST[schema["type"]])
