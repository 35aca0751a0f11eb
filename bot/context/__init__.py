"""The main context: what the model sees, and what leaves it when its window is full."""
