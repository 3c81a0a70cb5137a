"""Score the rows of a file with one model, as the service scores documents, without a server or a cluster.

May import `enrich_service.model`, `enrich_service.predict`, `common` and `contract`. In: batches of rows. Out: lines of
CSV or JSON, one for each row.
"""
