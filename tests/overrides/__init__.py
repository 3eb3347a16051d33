"""Exceptions recorded and signed."""
