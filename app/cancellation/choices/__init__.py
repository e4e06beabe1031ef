"""What clients choose by their links: what they are shown, and the choice itself."""
