"""The dashboards of `kibana/` as a page of this machine: read-only, offline, for a desk without Kibana.

browser ──GET──▶ access.py ──▶ app.py ──▶ board.py ──▶ query.py ──▶ one _msearch ──▶ rows.py ──▶ chart.py ──▶ JSON
"""
