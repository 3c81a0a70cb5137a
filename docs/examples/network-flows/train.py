"""Train a classifier of network flows with Keras's look-up layers: words and missing values in, three labels out.

Writes train.csv and test.csv (made here, the same each time) and model.keras.
"""

import csv

import keras
import numpy as np

keras.utils.set_random_seed(0)
draw = np.random.default_rng(0)
WORDS = {"protocol": ["tcp", "udp", "icmp"], "service": ["http", "dns", "ssh", "smtp", "missing"]}
NUMBERS = ["duration_s", "bytes_out", "bytes_in", "packets", "rtt_ms"]  # rtt_ms: not every flow has an answer
LABELS = ["benign", "scan", "exfiltration"]


def flow():
    """Make one flow: a dictionary of its columns."""
    label = draw.choice(LABELS, p=[0.7, 0.2, 0.1])
    service = str(draw.choice(["http", "dns", "ssh", "smtp"], p=[0.5, 0.3, 0.1, 0.1]))
    out, back, answers = draw.lognormal(7, 1.2), draw.lognormal(9, 1.2), draw.random() < 0.9
    if label == "scan":  # short, hardly a byte, often without an answer, so nobody knows the service
        service, out, back, answers = "", draw.lognormal(4, 0.6), draw.lognormal(3, 1), draw.random() < 0.3
    elif label == "exfiltration":  # much goes out, little comes back
        service, out, back = str(draw.choice(["dns", "ssh", "http"])), draw.lognormal(11, 1), draw.lognormal(7, 1)
    return {
        "protocol": "udp" if service == "dns" else str(draw.choice(["tcp", "icmp"], p=[0.95, 0.05])),
        "service": service,
        "duration_s": round(draw.lognormal(-3 if label == "scan" else 1, 1), 3),
        "bytes_out": int(out),
        "bytes_in": int(back),
        "packets": int(2 + (out + back) / 700),
        "rtt_ms": round(draw.lognormal(3, 0.5), 1) if answers else "",
        "label": label,
    }


def write(path, flows):
    """Write one line for each flow, with a header."""
    with open(path, "w", newline="") as file:
        lines = csv.DictWriter(file, list(flows[0]))
        lines.writeheader()
        lines.writerows(flows)


def inputs(flows):
    """The model's inputs, one for each column, and one that says whether the round-trip time is missing."""
    words = {name: keras.ops.convert_to_tensor([[row[name] or "missing"] for row in flows]) for name in WORDS}
    numbers = {name: np.array([[float(row[name] or 0)] for row in flows], "float32") for name in NUMBERS}
    flag = np.array([[float(row["rtt_ms"] == "")] for row in flows], "float32")
    return {**words, **numbers, "rtt_ms_missing": flag}


train, test = [flow() for _ in range(3000)], [flow() for _ in range(300)]
write("train.csv", train)
write("test.csv", test)

taken = {name: keras.Input((1,), name=name, dtype="string") for name in WORDS}
taken |= {name: keras.Input((1,), name=name) for name in [*NUMBERS, "rtt_ms_missing"]}
protocol = keras.layers.StringLookup(vocabulary=WORDS["protocol"], output_mode="one_hot")(taken["protocol"])
service = keras.layers.StringLookup(vocabulary=WORDS["service"])(taken["service"])
service = keras.layers.Flatten()(keras.layers.Embedding(len(WORDS["service"]) + 1, 3)(service))
numbers = keras.ops.log1p(keras.layers.Concatenate()([taken[name] for name in NUMBERS]))
hidden = keras.layers.Concatenate()([protocol, service, numbers, taken["rtt_ms_missing"]])
hidden = keras.layers.Dense(24, activation="relu")(hidden)
model = keras.Model(taken, keras.layers.Dense(len(LABELS), activation="softmax")(hidden))

model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
truth = [np.array([LABELS.index(row["label"]) for row in flows]) for flows in (train, test)]
model.fit(inputs(train), truth[0], epochs=12, batch_size=64, verbose=0)
print(f"model.keras: accuracy {model.evaluate(inputs(test), truth[1], verbose=0)[1]:.3f} on test.csv")
model.save("model.keras")
