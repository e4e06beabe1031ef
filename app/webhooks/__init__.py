"""Webhooks as Standard Webhooks 1.0.0 has them: `receive` checks what comes in."""
