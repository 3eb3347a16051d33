"""The HTTP service: the library's decisions and policies as JSON."""
