"""Experiments that chose the shipped recipe: trainings that leave attacks out, and the rule that compares them."""
