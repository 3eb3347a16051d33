"""What all pages are made of: frame, rendering, forms, lists, jobs, formats, languages."""
