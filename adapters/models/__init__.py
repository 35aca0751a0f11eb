"""Language models and embedders: behind a server of OpenAI's kind, or in a child process of ours."""
