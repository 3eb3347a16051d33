"""Decisions in words: answers, facts, traces and replays."""
