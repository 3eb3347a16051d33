"""Health: its routes, what they show and take."""
