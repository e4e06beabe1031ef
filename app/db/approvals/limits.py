"""A business's limits: every version that was ever set, the last in force."""

from typing import Final

from app.db.core.versions import Versions
from app.db.tables.approvals import approval_limits

limits: Final = Versions(approval_limits)
