"""What the bot asks of chat platforms, language models and readers of documents, and the few types that cross."""
