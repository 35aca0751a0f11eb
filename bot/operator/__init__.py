"""What the operator does with the data: a family of commands a file; `bot/__main__.py` names them."""
