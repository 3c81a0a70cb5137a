"""How fast the watcher is, next to what the cluster can do."""
