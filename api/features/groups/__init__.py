"""Group lists and tier movements: their routes, and what they show."""
