"""What the provisioner asks of Elasticsearch: requests, capabilities, ownership labels, and bodies in one normal form.

May import `common` and `contract`.
"""
