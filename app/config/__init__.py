"""The settings: what each may hold, and how they are read from the environment."""
