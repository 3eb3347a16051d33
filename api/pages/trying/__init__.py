"""Trying a policy: a form made of its facts, the decision with its reasons, and why every other rule did not match."""
