"""What the model may call, a family a file. A docstring here is prompt text: terse, and written to the model."""
