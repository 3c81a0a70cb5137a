"""What the endpoint costs, and whether its reasons hold."""
