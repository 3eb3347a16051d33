"""The kit of pages: frame, rendering, forms, lists, jobs, formats, languages."""
