"""Changes: the list, drafts written in the browser, and the dossier that is signed."""
