"""A studio's own page, as anybody sees it: its colour, its logo, and what it may promise. Pure."""
