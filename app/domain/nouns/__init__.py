"""The core nouns as values: what SQL reads and steps pass on, for every layer to name."""
