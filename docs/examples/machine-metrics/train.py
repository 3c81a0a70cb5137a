"""Train an autoencoder on the metrics of healthy machines: what it cannot rebuild is unusual.

Writes train.csv (healthy minutes), test.csv (with faults, and a column that says so) and model.keras.
"""

import csv

import keras
import numpy as np

keras.utils.set_random_seed(0)
draw = np.random.default_rng(0)
COLUMNS = ["cpu", "load", "memory", "disk_read_mb", "disk_write_mb", "net_in_mb", "net_out_mb", "temperature"]


def minutes(n):
    """Make the metrics of n healthy minutes, shape (n, 8): how busy the machine is moves all of them together."""
    busy = draw.beta(2, 4, n)
    noise = draw.normal(0, 1, (n, len(COLUMNS)))
    middle = [busy, 8 * busy, 0.3 + 0.4 * busy, 40 * busy**2, 25 * busy**2, 60 * busy, 45 * busy, 35 + 40 * busy]
    spread = [0.02, 0.2, 0.02, 1, 1, 2, 2, 1]
    return np.clip(np.column_stack(middle) + noise * spread, 0, None)


def write(path, rows, states=None):
    """Write one line for each minute, with a header."""
    with open(path, "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS if states is None else [*COLUMNS, "state"])
        for place, row in enumerate(rows.round(3).tolist()):
            lines.writerow(row if states is None else [*row, states[place]])


healthy, test = minutes(4000), minutes(500)
states = np.array(["ok"] * 500, object)
for place in draw.choice(500, 20, replace=False):
    if place % 2:
        test[place, 2] += 0.35  # a leak: memory grows and the machine is not busy
    else:
        test[place, 7] += 25  # a broken fan
    states[place] = "fault"
write("train.csv", healthy)
write("test.csv", test, states)

scaled = keras.layers.Normalization(name="scaled")
scaled.adapt(healthy)
inputs = keras.Input((len(COLUMNS),))
code = keras.layers.Dense(6, activation="relu")(scaled(inputs))
code = keras.layers.Dense(2)(code)
rebuilt = keras.layers.Dense(6, activation="relu")(code)
rebuilt = keras.layers.Dense(len(COLUMNS))(rebuilt)
model = keras.Model(inputs, rebuilt)

# The target is the scaled metrics: so a megabyte and a degree count alike.
target = scaled(healthy)
model.compile(keras.optimizers.Adam(0.005), "mse")
model.fit(healthy, target, epochs=15, batch_size=64, verbose=0)
error = keras.ops.convert_to_numpy(keras.ops.mean((model(test) - scaled(test)) ** 2, axis=1))
print(
    f"model.keras: mean square error {np.median(error[states == 'ok']):.3f} of healthy minutes of test.csv, "
    f"{np.median(error[states == 'fault']):.3f} of faults"
)
model.save("model.keras")
