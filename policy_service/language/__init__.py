"""What a policy means: from the text of a policy file to the value it decides. Pure: no database, clock or network."""
