"""Dashboards: from a declared panel to one search, its rows, and a chart or table.

A time range and filters go in; plain data for the page comes out. May import `kibana`, `common` and `contract`.
"""
