"""Registered populations: files of facts that the service keeps, encrypted, until a day, and that work may name."""
