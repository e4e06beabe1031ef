"""What a business sets as a whole document, of which every version is kept."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple


class SetVersion(NamedTuple):
    """A business's terms, limits or retention as somebody set them: a whole document."""

    version: int
    document: Mapping[str, Any]
    set_by: str
    set_at: dt.datetime
