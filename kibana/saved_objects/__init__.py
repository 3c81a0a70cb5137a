"""From declared panels and rules to the saved objects of Kibana.

May import `kibana.panels` and `contract`.
"""
