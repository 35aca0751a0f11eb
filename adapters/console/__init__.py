"""The terminal as a chat platform: no token, no network."""
