"""A message's way in: whether it is answered, kept once, and handed to the lane of its agent."""
