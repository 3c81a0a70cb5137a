"""Raw event -> ingest pipeline -> pending document; templates, provisioning and the shipper."""
