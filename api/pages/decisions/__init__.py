"""Decisions on record: found by identifier or subject, told in words, made again, proved."""
