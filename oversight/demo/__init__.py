"""The demo: engine, pipelines, service, watcher and traffic on one machine, stopped together."""
