"""Administration: who may come in, in which roles, and the keys of machines."""
