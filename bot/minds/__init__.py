"""Minds: a language model each, with its tier and its window; and which of them an agent is put before."""
