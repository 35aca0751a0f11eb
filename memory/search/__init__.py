"""Search: words, vectors, and how they are blended; scope comes before rank."""
