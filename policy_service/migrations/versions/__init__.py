"""The steps, by number; those that were released are never edited."""
