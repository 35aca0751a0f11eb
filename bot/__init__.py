"""The application: whose agent an event wakes, what the agent sees, and what comes of it."""
