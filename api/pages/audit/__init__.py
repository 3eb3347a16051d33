"""The log for those who audit: its entries in sentences, one entry and its proof, verification, checkpoints, export."""
