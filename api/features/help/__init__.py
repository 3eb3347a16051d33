"""Help: the documents of the product, on pages."""
