"""Refuse HDF5 data that refers to other files: links, external and virtual datasets. No link is followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from contract.errors import ConversionError


def refuse_outside_data(file: h5py.File, path: Path) -> None:
    """Check a whole HDF5 file.

    Raises:
        ConversionError: names the first place that refers to another file.
    """
    outside = next(_outside(file), None)
    if outside is not None:
        raise ConversionError(
            f"{path} refers to data outside of the file ({outside}); save the model again with model.save()"
        )


def _outside(group: h5py.Group, place: str = "") -> Iterator[str]:
    for name in group:
        link, here = group.get(name, getlink=True), f"{place}/{name}"
        if not isinstance(link, h5py.HardLink):
            yield here
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _outside(item, here)
        elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            yield here
