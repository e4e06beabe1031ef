"""The chain of what was done to each job, link by link."""
