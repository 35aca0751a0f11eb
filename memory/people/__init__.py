"""What is kept of people and places apart from any agent."""
