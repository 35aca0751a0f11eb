"""What the operator does with the data: a family of commands a file; `bot/command_line.py` names them."""
