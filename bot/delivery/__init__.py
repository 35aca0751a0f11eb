"""The way out: replies of agents, and what the program itself has to say to people."""
