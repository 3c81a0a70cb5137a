"""The contract, the report and the model card of a trained model.

May import the other folders of `training` and `contract`.
"""
