"""What rows of KDD Cup 99 say about how their windows were computed.

    python -m tests.integration.sensor.kdd_rows ../shared/data/kdd99/corrected-dev.gz

prints, for each rule of docs/decisions/0002-kdd-windows.md, the share of the rows that obey it.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.kdd99.columns import COLUMNS
from sensor.connection import REJECT_ERRORS, SYN_ERRORS
from sensor.windows import history, recent

Rates = tuple[tuple[str, str], ...]
HALF = 0.005 + 1e-9
"""Largest distance between a rate of two decimals and the share that it was rounded from."""
EXACT = 100
"""Below this denominator the numerator follows from a rate of two decimals."""
DENOMINATORS: Rates = (
    *((rate, "count") for rate in ("serror_rate", "rerror_rate", "same_srv_rate", "diff_srv_rate")),
    *((rate, "srv_count") for rate in ("srv_serror_rate", "srv_rerror_rate", "srv_diff_host_rate")),
    *((f"dst_host_{rate}", "dst_host_count") for rate in ("same_srv_rate", "diff_srv_rate", "same_src_port_rate")),
    *((f"dst_host_{rate}", "dst_host_count") for rate in ("serror_rate", "rerror_rate")),
    *((f"dst_host_srv_{rate}", "dst_host_srv_count") for rate in ("diff_host_rate", "serror_rate", "rerror_rate")),
)


class Rows:
    """Columns of a file as arrays, without the few rows in which a window is all zero."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="ascii") as file:
            split = [line.rstrip().split(",") for line in file]
        kept = [row for row in split if row[22] != "0" and row[31] != "0"]
        self.zero = len(split) - len(kept)
        columns = list(zip(*kept, strict=True))
        self.service, self.flag, self.label = (np.array(columns[index]) for index in (2, 3, 41))
        self._numbers = {
            name: np.array(values, dtype=float) for name, values in zip(COLUMNS[22:], columns[22:41], strict=True)
        }

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self._numbers[name]

    def parts(self, rate: str, whole: str) -> NDArray[np.float64]:
        """The numerator of a rate, exact where the denominator is below `EXACT`."""
        return np.round(self[rate] * self[whole])


def shares(rows: Rows) -> dict[str, float]:
    """Share of rows that obey each rule; 1.0 is all of them."""
    return {
        "rates are shares of their counts": float(np.mean([_is_share(rows, *pair) for pair in DENOMINATORS])),
        "the current connection counts itself": _counts_itself(rows),
        "one window of 511": _one_window(rows, "count", "srv_count", "same_srv_rate", recent.WINDOW_CONNECTIONS),
        "one window of 255": _one_window(
            rows, "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate", history.WINDOW_CONNECTIONS
        ),
        "the host's own service is in dst_host_srv_count": float(
            np.mean(
                rows["dst_host_srv_count"] + 1e-9 >= (rows["dst_host_same_srv_rate"] - HALF) * rows["dst_host_count"]
            )
        ),
        "a full host fills dst_host_srv_count alone": _full_host(rows),
        "diff_srv_rate counts different services": _different(rows, "diff_srv_rate", "count", "same_srv_rate"),
        "dst_host_diff_srv_rate counts different services": _different(
            rows, "dst_host_diff_srv_rate", "dst_host_count", "dst_host_same_srv_rate"
        ),
        "serror and rerror as in sensor.connection": _error_classes(rows),
    }


def refuted(rows: Rows) -> dict[str, float]:
    """Share of rows that obey rules which are often cited but are not KDD's, among rows that tell them apart."""
    mixed = rows["same_srv_rate"] < 1
    elsewhere = rows["srv_count"] > rows.parts("same_srv_rate", "count")
    others = (rows["srv_count"] - rows.parts("same_srv_rate", "count")) / rows["srv_count"]
    full = (rows["dst_host_count"] == history.WINDOW_CONNECTIONS) & (rows["dst_host_same_srv_rate"] >= 0.9)
    return {
        "diff_srv_rate = 1 - same_srv_rate": float(
            np.mean(np.abs(1 - rows["same_srv_rate"] - rows["diff_srv_rate"])[mixed] < 2 * HALF)
        ),
        "srv_diff_host_rate = share of connections to other hosts": float(
            np.mean((np.abs(others - rows["srv_diff_host_rate"]) < 2 * HALF)[elsewhere])
        ),
        "neighbouring rows, both with a full host window of mostly their own and different service": float(
            np.sum(full[1:] & full[:-1] & (rows.service[1:] != rows.service[:-1]))
        ),
    }


def most_services(rows: Rows) -> tuple[int, int]:
    """Most different services in one two-second window, and how many names of services the file has."""
    return int(rows.parts("diff_srv_rate", "count").max()), len(set(rows.service))


def first_pings(rows: Rows) -> float:
    """nmap pings hosts one after the other, four times over: the highest `dst_host_srv_diff_host_rate` of a first ping.

    At the time of a first ping the hosts below had been pinged once more at most, so that a window of what had happened
    by then would show a half or more. NaN where the file has no such row.
    """
    first = (rows.label == "nmap.") & (rows.service == "eco_i") & (rows["dst_host_count"] == 1)
    return float(rows["dst_host_srv_diff_host_rate"][first].max()) if first.any() else float("nan")


def _is_share(rows: Rows, rate: str, whole: str) -> float:
    exact = rows[whole] < EXACT
    return float(np.mean((np.abs(rows.parts(rate, whole) / rows[whole] - rows[rate]) <= HALF)[exact]))


def _counts_itself(rows: Rows) -> float:
    exact = rows["count"] < EXACT
    return float(np.mean((rows.parts("same_srv_rate", "count") >= 1)[exact]))


def _one_window(rows: Rows, host: str, service: str, same: str, size: int) -> float:
    """Connections to the host or of the service, each counted once: never more than the window holds."""
    most_shared = np.floor((rows[same] + HALF) * rows[host])
    shared = np.minimum(most_shared, np.minimum(rows[host], rows[service]))
    return float(np.mean(rows[host] + rows[service] - shared <= size))


def _full_host(rows: Rows) -> float:
    full = rows["dst_host_count"] == history.WINDOW_CONNECTIONS
    same = rows["dst_host_srv_count"] / history.WINDOW_CONNECTIONS
    alone = (np.abs(same - rows["dst_host_same_srv_rate"]) <= HALF) & (rows["dst_host_srv_diff_host_rate"] == 0)
    return float(np.mean(alone[full]))


def _different(rows: Rows, rate: str, whole: str, same: str) -> float:
    """0 if the current key is the only one, else from 2 to one for each connection."""
    exact = rows[whole] < EXACT
    keys, own = rows.parts(rate, whole), rows.parts(same, whole)
    obeys = np.where(own == rows[whole], keys == 0, (keys >= 2) & (keys <= rows[whole] - own + 1))
    return float(np.mean(obeys[exact]))


def _error_classes(rows: Rows) -> float:
    """If a connection is alone in the two seconds, its error rates show only its own class."""
    alone = (rows["count"] == 1) & (rows["srv_count"] == 1)
    syn, reject = np.isin(rows.flag, list(SYN_ERRORS)), np.isin(rows.flag, list(REJECT_ERRORS))
    obeys = (rows["serror_rate"] == syn) & (rows["srv_serror_rate"] == syn)
    obeys &= (rows["rerror_rate"] == reject) & (rows["srv_rerror_rate"] == reject)
    return float(np.mean(obeys[alone]))


def main() -> None:
    """Print the shares of the file named on the command line."""
    rows = Rows(Path(sys.argv[1]))
    out = sys.stdout
    out.write(f"{len(rows.flag)} rows, and {rows.zero} in which a window is all zero\n")
    for name, share in (shares(rows) | refuted(rows)).items():
        out.write(f"{share:12.5f}  {name}\n")
    out.write("most services in one window: {}, names of services: {}\n".format(*most_services(rows)))
    out.write(f"different hosts a ping at nmap's first ping of a host: {first_pings(rows):.2f} at most\n")


if __name__ == "__main__":
    main()
