"""The rows of the regulations, and what decides each of them today."""
