"""Discord: its events in, replies out, its slash commands; discord.py does the talking."""
