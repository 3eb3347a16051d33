"""Runs: evaluates a policy for all subjects on record, and returns the answers as a file."""
