"""Compile the declared panels and rules to Kibana's saved objects.

May import `kibana.panels` and `contract`.
"""
