"""Registered populations: files of facts stored encrypted for a limited time, for use by name."""
