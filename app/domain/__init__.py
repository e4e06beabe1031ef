"""The ground floor: values and pure rules that every layer speaks of.

It imports nothing above it.
"""
