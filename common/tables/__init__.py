"""Read tables of rows from files, whatever they are written in: CSV, JSON lines, Parquet, packed by gzip or not.

May import the standard library, orjson, pyarrow and `contract`. Goes in: a path. Comes out: batches of rows as columns.
"""
