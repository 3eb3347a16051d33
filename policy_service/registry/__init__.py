"""The registry of submitted versions by digest, and of the periods they are in force, bitemporally."""
