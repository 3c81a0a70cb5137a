"""A model from a notebook, and rows that its training did not see: tumours.onnx and tumours.csv."""

import csv

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

data = load_breast_cancer()
words = data.target_names[data.target]
train, test, train_words, test_words = train_test_split(data.data, words, random_state=0)
model = RandomForestClassifier(50, random_state=0).fit(train, train_words)
with open("tumours.onnx", "wb") as file:
    file.write(to_onnx(model, train[:1].astype(np.float32)).SerializeToString())
with open("tumours.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow([*(name.replace(" ", "_") for name in data.feature_names), "diagnosis"])
    rows.writerows([*row, word] for row, word in zip(test.tolist(), test_words, strict=True))
