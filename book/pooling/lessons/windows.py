# Exported from book/01_windows.ipynb: edit that and `make refresh`.
"""Windows: pooling by hand."""

import numpy as np


def pool2d(x, window, mode="max"):
    """Pool one image x (H, W): the window moves by one cell."""
    PH, PW = window
    pick = {"max": np.max, "avg": np.mean}[mode]
    y = np.zeros((x.shape[0] - PH + 1, x.shape[1] - PW + 1))
    for i, j in np.ndindex(y.shape):
        y[i, j] = pick(x[i : i + PH, j : j + PW])
    return y
