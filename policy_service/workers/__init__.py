"""Work in processes of its own, with limits; and how far it is."""
