"""Load for the enrich service and its rivals: documents, client connections, server processes."""
