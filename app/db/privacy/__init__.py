"""What is held of one client, in whichever table; it stands on every other wing's tables."""
