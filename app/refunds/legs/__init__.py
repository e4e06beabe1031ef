"""What follows a refusal: the ladder of forms, and what it needs to know."""
