"""Single events: the list of events, and the details of one.

An id or a filter goes in; text that is safe to show comes out. May import `console.panels`, `common` and `contract`.
"""
