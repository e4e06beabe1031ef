"""Asking the payment service about a plan before it is pressed: changes nothing, binds nothing."""
