"""What is owed for cancelled sessions: terms, overrides, and the lines."""
