"""Score an artifact, and sum up many trainings in a study.

May import `training.data` and `contract`.
"""
