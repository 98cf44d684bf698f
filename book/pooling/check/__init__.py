"""Instant answers to the exercises: `check.NAME(your_function)`."""

from pooling.check.im2col import (
    im2row,
    kink_distance,
    local_indices,
    max_backward,
    mended_backward,
    second_max_pool2d,
    showing_case,
    sum_pool_backward,
    worked_problem,
)
from pooling.check.windows import (
    average_kernel,
    input_sizes,
    min_pool2d,
    pool2d_mended,
    pool_by_hand,
    pooling_cost,
    same_padding,
    showing_input,
)

__all__ = [
    "average_kernel",
    "im2row",
    "input_sizes",
    "kink_distance",
    "local_indices",
    "max_backward",
    "mended_backward",
    "min_pool2d",
    "pool2d_mended",
    "pool_by_hand",
    "pooling_cost",
    "same_padding",
    "second_max_pool2d",
    "showing_case",
    "showing_input",
    "sum_pool_backward",
    "worked_problem",
]
