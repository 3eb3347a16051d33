"""The engines we are measured against, each in the fastest form that was found for it."""
