"""Panels and dashboards, declared once as plain data; neither Kibana nor the console is known here.

May import `contract`.
"""
