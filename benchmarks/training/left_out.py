"""Choose which records to leave out of training, so that choices are made by them and not by a test file.

    labels     5 groups of attack labels, each with a fifth of the file's   an unknown attack;
               normal vectors                                               normal traffic of another time
    services   4 groups of services of a label                              a known attack on another service

Every attack label and every normal vector is left out once. Group g leaves out the g-th fifth of the normal vectors
in the order of the file. That order is roughly the order of time, and normal traffic of a later day drifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.kdd99.columns import LABELS, NORMAL
from training.data.records import Records

LABEL_GROUPS, SERVICE_GROUPS = 5, 4
Mask = NDArray[np.bool_]


def labels_left_out(records: Records) -> list[Mask]:
    """One mask for each group of attack labels. The labels of a family are spread over the groups."""
    attacks = sorted((label.family, label.name) for label in LABELS if label.name != NORMAL)
    order = [name for _, name in attacks]
    return [np.isin(records.labels, order[group::LABEL_GROUPS]) for group in range(LABEL_GROUPS)]


def times_left_out(records: Records) -> list[Mask]:
    """One mask for each group of labels: that fifth of the normal records, in the order of the file."""
    normal = records.labels == NORMAL
    run = (np.cumsum(normal) - 1) * LABEL_GROUPS // max(int(normal.sum()), 1)
    return [normal & (run == group) for group in range(LABEL_GROUPS)]


def services_left_out(records: Records) -> list[Mask]:
    """Masks by service: each attack label's services, commonest first, spread over the groups; never all in one."""
    service = records.categorical[:, records.categorical_columns.index("service")]
    masks = [np.zeros(len(records), np.bool_) for _ in range(SERVICE_GROUPS)]
    for label in (label.name for label in LABELS if label.name != NORMAL):
        of_label = records.labels == label
        names, counts = np.unique(service[of_label], return_counts=True)
        order = names[np.argsort(-counts, kind="stable")]
        for group, mask in enumerate(masks if len(order) > 1 else []):
            mask |= of_label & np.isin(service, order[group::SERVICE_GROUPS])
    return masks


def groups(records: Records) -> dict[str, Mask]:
    """What each training of a selection leaves out, by the group's name."""
    without = zip(labels_left_out(records), times_left_out(records), strict=True)
    masks = {f"labels-{group}": labels | times for group, (labels, times) in enumerate(without)}
    return masks | {f"services-{group}": mask for group, mask in enumerate(services_left_out(records))}
