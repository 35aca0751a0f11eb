"""Everything outside: chat platforms, language models, embedders. Imports `config` only."""
