"""The core nouns as values, for every layer to name."""
