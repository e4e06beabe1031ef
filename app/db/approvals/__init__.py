"""Rows of approvals: limits of businesses, what jobs ask for, and what was done to them."""
