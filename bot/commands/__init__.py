"""What people may ask of the bot itself, a slash command a file: `/agent <name>`, the same on every platform."""
