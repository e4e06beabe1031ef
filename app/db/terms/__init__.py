"""Terms in the database: a business's own, people's overrides, and what both make of lines."""
