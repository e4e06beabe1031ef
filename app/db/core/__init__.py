"""What every statement goes through: engines, drivers, dialects, and writing in groups."""
