"""A company's own regulation as a dated document of rows, and the policies that implement each row.

regulation.py reads the document coverage.py row -> the policies, rules and examples that cite it; else the feature that
does it, or why none does page.py the same as Markdown, in Chinese or English
"""
