"""What wakes agents by the clock: follow-ups, heartbeats, reflection, and the sweep that finds what is due."""
