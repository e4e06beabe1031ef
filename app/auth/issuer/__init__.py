"""What the identity provider publishes: where it is asked, and the keys that it signs with."""
