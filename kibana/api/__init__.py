"""Requests to Kibana: import, plan, alerting, and the record of the last import.

May import `kibana.saved_objects`, `common` and `contract`.
"""
