"""The pages of docs/ that no generator writes."""
