"""Panels and dashboards, declared once as plain data that knows neither Kibana nor the console.

May import `contract`.
"""
