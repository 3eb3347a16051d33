"""Data checks: the latest facts of each subject, examined for what is missing, old, or there twice."""
