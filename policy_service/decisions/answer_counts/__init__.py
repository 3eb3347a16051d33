"""How many decisions of each sealed block gave which answer by which rule: by it decisions are found and counted."""
