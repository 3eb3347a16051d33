"""Changes: drafted, submitted, signed by those who must, put in force from their day; and emergency suspensions."""
