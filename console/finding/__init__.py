"""Finds events: the query line, the sorted list that turns pages without limit, and the export of what is shown.

query line ──▶ query_line.py ──▶ one more filter of `Scope`, for every panel of a page
list ────────▶ lists.py ──▶ point in time, search_after ──┬─▶ rows.py ──▶ a page of the list
                                                          └─▶ export.py ──▶ CSV or JSON lines, part by part
"""
