"""Coming in: signing in and out, the own account, the home page, and how pages are shown."""
