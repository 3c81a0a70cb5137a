"""Who may ask: tokens, failed attempts, `Host` and `Origin`, forwarded headers.

A request in, an error or nothing out. May import `contract` and `common`.
"""
