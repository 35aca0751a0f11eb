"""Readers of documents, a kind of file each; `bot/app.py` names them."""
