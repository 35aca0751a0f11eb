"""How well an agent remembers, with a real model: MemGPT's tasks, and labelled conversations from files."""
