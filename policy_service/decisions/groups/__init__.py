"""Group lists (R-GOV-3) and tier movements (R-GOV-6): the subjects of a policy by the outcome that a day has."""
