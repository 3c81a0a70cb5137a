"""HTTP server of the enrich service and the console: gunicorn, with a worker that uses no thread while it reads.

Bytes of connections go in, WSGI responses come out. May import `contract` and `common`.
"""
