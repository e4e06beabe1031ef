"""The audit of a job as it leaves: CSV, workbook, and read no faster than its reader takes it."""
