"""What Kibana's objects cost to make."""
