"""Proofs of audits, and the keys that anybody checks them with."""
