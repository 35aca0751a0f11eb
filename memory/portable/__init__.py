"""Memory as a file: exports, imports, checkpoints."""
