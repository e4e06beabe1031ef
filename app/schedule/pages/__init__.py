"""A business's own page: what it says of it, its logo, and the sites that may show it."""
