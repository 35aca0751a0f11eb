"""The tiers of memory and where they are kept. Imports `config` only."""
