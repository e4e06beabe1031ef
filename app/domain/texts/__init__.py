"""Texts and how they are written: for display, in a sheet, and in the audit's lines."""
