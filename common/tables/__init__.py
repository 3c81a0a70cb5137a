"""Read tables of rows from files, whatever they are written in: CSV, JSON lines, Parquet, packed by gzip or not.

May import the standard library, NumPy, orjson, pyarrow and `contract`. In: a path, and a contract that names features.
Out: batches of rows as columns, and the arrays that a model takes.
"""
