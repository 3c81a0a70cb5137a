"""Faults made on purpose, with real processes, and the table of what became of every document.

    fault ──▶ watcher, enrich service, cluster, the wires between them ──▶ Ledger.audit() ──▶ a row of the table

`make faults` is the short form, which `make test` runs too; `make soak` the long one.
"""
