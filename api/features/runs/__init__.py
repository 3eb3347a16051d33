"""Runs: a policy over everybody on record, and the answers as a file."""
