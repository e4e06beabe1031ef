"""How fast one account may be called: evidence, rate, breaker. Pure but for the clock."""
