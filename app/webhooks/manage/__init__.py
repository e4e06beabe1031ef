"""What a business does with its endpoints: manage them, see what they were sent, send it again."""
