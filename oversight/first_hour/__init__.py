"""The first hour of a site's own traffic, as a model sees it.

flows with their columns ──▶ hour.py ──▶ Hour: verdicts counted, a sample of the harmless rows
                                          ├──▶ drift.py: which features moved most since training
                                          ├──▶ advice.py: what to do
                                          └──▶ profile.py: the usual values of this site, for OVERSIGHT_PROFILE
"""
