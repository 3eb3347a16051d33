"""Decisions by the policies in force: facts in; outcomes, rules and reasons out."""
