"""Sessions, bookings and clients as rows."""
