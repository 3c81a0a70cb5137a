"""Score an artifact, and summarise many trainings in a study.

May import `training.data` and `contract`.
"""
