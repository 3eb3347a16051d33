"""Programs that maintainers run to make what is delivered; none of it is shipped."""
