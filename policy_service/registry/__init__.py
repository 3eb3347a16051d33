"""Every submitted version under its digest, and which of them is in force when, as known when."""
