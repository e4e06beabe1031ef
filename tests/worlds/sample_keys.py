"""Keys for whoever needs some, and does not care which."""

import base64
from typing import Final

SECRETS_KEY: Final = base64.urlsafe_b64encode(b"k" * 32).decode()
EVIDENCE_KEY: Final = base64.urlsafe_b64encode(b"e" * 32).decode()
HOOKS_SECRET: Final = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
