"""The running process: served, watched, kept up; one composition for each way to run it."""
