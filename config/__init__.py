"""What an operator may change: settings, prompts, personas. Imports nothing of ours."""
