"""Policies in use: facts in, outcomes with their rules and reasons out."""
