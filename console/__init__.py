"""The dashboards of `kibana/` as a local web page: read-only, offline, for machines without Kibana.

browser ──GET──▶ access.py ──▶ app.py ──▶ board.py ──▶ query.py ──▶ one _msearch ──▶ rows.py ──▶ chart.py ──▶ JSON
"""
