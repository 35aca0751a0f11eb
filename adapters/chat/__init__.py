"""What the chat platforms share: Markdown in parts, downloads, answers to commands."""
