"""Overrides recorded and signed: governance policies determine how far one person reaches, and who signs."""
