"""Train a classifier of breast tumours: 30 numbers in, one sigmoid out.

Writes train.csv and test.csv (the numbers and the diagnosis) and model.keras.
"""

import csv

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)

data = load_breast_cancer()
columns = [name.replace(" ", "_") for name in data.feature_names]
malignant = 1 - data.target  # in scikit-learn's data set 0 is malignant, 1 is benign
x_train, x_test, y_train, y_test = train_test_split(
    data.data, malignant, test_size=0.3, stratify=malignant, random_state=0
)


def write(path, rows, truth):
    """Write one line for each tumour, with a header."""
    with open(path, "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*columns, "diagnosis"])
        for row, positive in zip(rows, truth, strict=True):
            lines.writerow([*row, "malignant" if positive else "benign"])


write("train.csv", x_train, y_train)
write("test.csv", x_test, y_test)

scale = keras.layers.Normalization()
scale.adapt(x_train)  # the means and variances become part of the model
model = keras.Sequential(
    [
        keras.Input((len(columns),)),
        scale,
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=25, verbose=0)

_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"model.keras: accuracy {accuracy:.3f} on the {len(x_test)} rows of test.csv")
model.save("model.keras")
