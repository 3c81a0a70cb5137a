"""Checks who may send a request: tokens, failed attempts, `Host` and `Origin`, forwarded headers.

A request goes in; an error or nothing comes out. May import `contract` and `common`.
"""
