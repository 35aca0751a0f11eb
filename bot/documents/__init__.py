"""Files into archival storage: those that an operator loads, and those that come with messages."""
