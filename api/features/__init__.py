"""One package a feature: `endpoints` for programs, `pages` for people, and what each shows."""
