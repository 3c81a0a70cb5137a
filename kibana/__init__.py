"""Panels, declared once; the saved objects and alert rules of Kibana that are made from them; their import."""
