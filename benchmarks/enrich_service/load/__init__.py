"""Load for the enrich service and the servers it is compared with: documents, connections, server processes."""
