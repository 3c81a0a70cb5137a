"""The HTTP server of the enrich service and the console: gunicorn, with a worker that gives a thread only a whole
request.

Bytes of connections in, WSGI responses out. May import `contract` and `common`.
"""
