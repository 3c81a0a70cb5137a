"""Dashboards: from a declared panel to one search, its rows, and a chart or table.

A time range and filters in, plain data for the page out. May import `kibana`, `common` and `contract`.
"""
