"""What clients are told of a bulk cancellation: which facts, when, and whom. Pure."""
