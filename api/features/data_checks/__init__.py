"""Data checks: finds missing, old and duplicate facts among the latest of each subject."""
