"""Managing endpoints, and seeing and repeating what they were sent."""
