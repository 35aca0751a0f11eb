"""Core memory: agents, their blocks, and the journal of every change."""
