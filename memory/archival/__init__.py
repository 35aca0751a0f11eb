"""Archival storage: notes and documents, in pieces that can be found."""
