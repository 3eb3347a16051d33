"""What was in force at an instant, as known at an instant, and who signed it."""
