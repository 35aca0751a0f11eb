"""The composition root, a file for each part of a bot: what is made of what, and what is closed behind what."""
