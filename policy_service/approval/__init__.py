"""Changes: drafted, submitted, signed by the required roles, put in force from their day; and emergency suspensions."""
