"""Trainings behind the model cards: the study over seeds and folds, and the experiments that chose the recipe."""
