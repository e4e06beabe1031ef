"""How fast one account may be called: evidence, rate and breaker. Pure but for the clock."""
