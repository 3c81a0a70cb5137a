"""The same panels in a local page, for a machine without Kibana."""
