"""The pages of emergency suspensions: a version is taken out of force at once, by one director, for a while."""
