"""The language of policies: from the text of a file to the value it decides. Pure: no database, clock or network."""
