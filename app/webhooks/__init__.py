"""Hooks in: `receive` checks those signed as Standard Webhooks 1.0.0 has it, `stripe` those that Stripe signs."""
