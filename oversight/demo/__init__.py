"""The demo: engine, pipelines, service, watcher and traffic on one machine, ended together."""
