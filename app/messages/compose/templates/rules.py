"""What a business's template may hold: so little that each one ends soon, and small.

It prints values, asks about them, and goes through the sessions and each session's sums. Nothing is
called, assigned, multiplied or repeated, so no limit of time is needed: what it does is bounded by
its own length times the number of sums.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.domain.field_errors import printable
from app.messages.compose.said import PRIVATE

MAX_BYTES: Final = 20_000
MAX_DEPTH: Final = 40  # of what stands within another

IN_SUBJECTS: Final = frozenset(
    {"client_name", "business_name", "reason", "count", "is_update"}
    | {"returned", "under_way", "with_a_person", "elsewhere", "kept"}
)
IN_BODIES: Final = IN_SUBJECTS | {
    "sessions",
    "text",
    "choice_until",
    "choice_url",
    "page_url",
    "details",
}
_ATTRIBUTES: Final = frozenset(
    {"name", "date", "time", "location", "instructor", "is_waiting_list", "sums"}  # a session's
    | {"first", "last", "index", "length"}  # `loop`'s
)
_FILTERS: Final = frozenset(
    {"upper", "lower", "title", "capitalize", "trim", "length", "count", "default", "d"}
)
_TESTS: Final = frozenset({"defined", "undefined", "none"})
_ALLOWED: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr),
    *(nodes.For, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare),
    *(nodes.Operand, nodes.Concat, nodes.Filter, nodes.Test),
)
_MAX_LOOPS: Final = 2  # one within the other


class TemplateFault(Exception):  # noqa: N818 - as the problems of `app.errors`: what a person mends
    """A template is not taken, or did not do; `code` is stable, `detail` a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        autoescape=False,  # of plain text; the page's layout escapes all that comes of it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


_ENVIRONMENT: Final = _environment()


@lru_cache(maxsize=256)
def compiled(source: str, names: frozenset[str]) -> Template:
    """The template of a source that may name these.

    Raises:
        TemplateFault: it holds what none may hold.
    """
    if len(source.encode(errors="replace")) > MAX_BYTES:
        raise TemplateFault("template-too-long", f"Must be at most {MAX_BYTES:,} bytes.")
    source = source.translate(PRIVATE)
    try:
        tree = _ENVIRONMENT.parse(source)
        _check(tree)
        unknown = find_undeclared_variables(tree) - names
        if unknown:
            named = printable(", ".join(sorted(unknown)), 100)
            raise TemplateFault("template-unknown-name", f"There is nothing called {named} here.")
        return _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        said = printable(str(error.message), 150)
        raise TemplateFault("template-syntax", f"Line {error.lineno}: {said}") from error
    except (RecursionError, SyntaxError, MemoryError, OverflowError, ValueError) as error:
        raise _too_deep() from error


def _too_deep() -> TemplateFault:
    return TemplateFault("template-too-deep", "Too much stands within another.")


def _check(tree: nodes.Template) -> None:
    for node, depth, loops in _walk(tree):
        if depth > MAX_DEPTH:
            raise _too_deep()
        if (what := _refused(node, loops)) is not None:
            raise TemplateFault("template-not-allowed", f"Line {node.lineno}: {what}")


def _walk(tree: nodes.Template) -> Iterator[tuple[nodes.Node, int, int]]:
    """Each node, how deep it stands, and in how many loops."""
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while waiting:
        node, depth, loops = waiting.pop()
        yield node, depth, loops
        within = loops + isinstance(node, nodes.For)
        waiting.extend((child, depth + 1, within) for child in node.iter_child_nodes())


def _refused(node: nodes.Node, loops: int) -> str | None:
    """Why this is not taken; None: it is."""
    match node:
        case nodes.For():
            return _refused_loop(node, loops)
        case nodes.Getattr(attr=str(name)) if name not in _ATTRIBUTES:
            return f"There is no .{printable(name, 40)} here."
        case nodes.Filter(name=str(name)) if name not in _FILTERS:
            return f"The filter {printable(name, 40)} is not taken here."
        case nodes.Test(name=str(name)) if name not in _TESTS:
            return f"The test {printable(name, 40)} is not taken here."
        case _ if not isinstance(node, _ALLOWED):
            return f"{type(node).__name__} is not taken here."
    return None


def _refused_loop(node: nodes.For, loops: int) -> str | None:
    """A loop goes through `sessions`; the one within it through a session's `sums`."""
    goes_through = node.iter
    if loops >= _MAX_LOOPS:
        return "At most two loops may stand within each other."
    if node.recursive:
        return "A loop may not be recursive."
    if not isinstance(node.target, nodes.Name) or node.target.name in IN_BODIES | {"loop"}:
        return "A loop needs one name of its own."
    if loops == 0:
        is_known = isinstance(goes_through, nodes.Name) and goes_through.name == "sessions"
    else:
        is_known = isinstance(goes_through, nodes.Getattr) and goes_through.attr == "sums"
    return None if is_known else "A loop goes through sessions, or through the sums of one."
