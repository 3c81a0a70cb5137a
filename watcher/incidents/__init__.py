"""Incidents: the alerts of one machine and one family, with gaps of at most 15 minutes.

Incidents are computed from the stored alerts and never stored. No module of the watcher's loop imports this package.

    page()        the incidents of a time range, worst machines first
    events_of()   the query that matches the alerts of one incident
    detail()      one incident with its timeline, reasons and surroundings
    as_markdown() one incident as text for a ticket
"""
