"""The dashboards: panels declared once, compiled to Kibana's saved objects and alert rules, and imported."""
