"""Cross groups: its routes, what they show and take."""
