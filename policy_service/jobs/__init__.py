"""Jobs: long pieces of work that an account started, on record so that every process sees them."""
