"""Work in separate processes, with limits and progress."""
