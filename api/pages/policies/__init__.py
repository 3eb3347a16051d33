"""Policies for people: the list, one policy's time, a version in words, a rule's passport, comparisons."""
