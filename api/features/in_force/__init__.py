"""In force: its routes, what they show and take."""
