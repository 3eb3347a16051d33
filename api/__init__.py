"""The HTTP service: decisions and policies as JSON and pages."""
