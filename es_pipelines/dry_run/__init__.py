"""What would become of files before anything is stored: how they are read, and what the pipelines say of every row."""
