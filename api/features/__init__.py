"""One package per feature: `endpoints` for programs, `pages` for people, and their schemas, forms and views."""
