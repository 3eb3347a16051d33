"""Api keys: its routes, what they show and take."""
