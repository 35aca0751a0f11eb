"""Turns: from what woke an agent, step by step, to the end; and what becomes of errors."""
