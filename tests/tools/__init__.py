"""What maintainers run to make what is delivered."""
