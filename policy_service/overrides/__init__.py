"""Overrides recorded and signed: how far one person reaches is asked of governance, who signs of its sign-off."""
