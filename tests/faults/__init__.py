"""Cause faults with real processes, and check that every document ends as it must.

    fault ──▶ watcher, enrich service, cluster, connections between them ──▶ Ledger.audit() ──▶ a row of the table

`make faults` runs the short form, as `make test` does; `make soak` runs the long form.
"""
