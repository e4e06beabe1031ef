"""The audit of a job as it leaves, as CSV or as a workbook.

It leaves no faster than its reader takes it.
"""
