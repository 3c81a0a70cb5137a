"""Single events: the list of them and the whole story of one.

An id or a filter in, text that is safe to show out. May import `console.panels`, `common` and `contract`.
"""
