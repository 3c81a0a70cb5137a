"""The commands that people run beside the loop: `status`, `retry`, `rescore`, `labels export`.

The loop never imports this folder.

May import the other folders of `watcher`, `common` and `contract`.
"""
