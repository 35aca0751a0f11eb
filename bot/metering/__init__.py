"""Around each call of the model: who pays, what is left of a budget, how long it took."""
