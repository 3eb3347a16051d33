"""Policies in words: golden pages to read, and the law that different conditions never share a sentence."""
