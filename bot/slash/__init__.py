"""Slash commands: who may give which, how one is run, and the words that several answer with."""
