"""Every compiler against the meaning of the language."""
