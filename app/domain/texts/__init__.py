"""Texts for display, in a sheet, and in the audit's lines."""
