"""The log is the truth, and tables are its shadow: whatever is altered beside the service is found and named."""
