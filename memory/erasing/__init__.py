"""What is taken out of memory, and the registry of all that has to be looked through for it."""
