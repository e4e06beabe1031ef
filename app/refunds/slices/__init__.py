"""Slices of jobs: what a worker runs, with its lanes, their claims and their calls."""
