"""Counts of the decisions of each sealed block by answer and rule, used to find and count decisions."""
