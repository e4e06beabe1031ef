"""What bookings are owed: terms as values and as documents, goodwill, and the client's choice."""
