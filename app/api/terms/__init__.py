"""A business's terms over HTTP."""
