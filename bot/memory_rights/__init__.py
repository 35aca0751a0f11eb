"""What people may do to memory, apart from any platform: see it, undo, reset, forget, export, erase."""
