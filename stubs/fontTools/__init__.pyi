"""The part of fontTools that the typeface is made and read with (fonttools.readthedocs.io)."""
