"""The policy language: from a file's text to the decided value. Pure: no database, clock or network."""
