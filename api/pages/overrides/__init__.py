"""Exceptions from the rules for one subject: listed, told, made and ended by those who may."""
