"""Instant answers to the exercises: `check.NAME(your_function)`."""

import importlib.metadata

from pooling.check.fast import (
    box_sums,
    doubling_shifts,
    faster_plan,
    max_and_distance,
    min_pool2d_two_passes,
    pooling_traffic,
    times_added,
    windows_per_cell,
)
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
from pooling.check.network import (
    count_parameters,
    mixed_backward,
    mixed_forward,
    same_answer,
    switch_shares,
)
from pooling.check.strides import (
    contrast_mended,
    diagonal_windows,
    inputs_that_show,
    lost_axis,
    mask_bytes,
    pool_mended,
    where_in_memory,
    window_strides,
    windows_along,
)
from pooling.check.unpooling import (
    avg_unpool_mended,
    encoder_decoder,
    mask_to_indices,
    mended_unpool_backward,
    showing_average,
    showing_sums,
    unpool_by_hand,
    unpool_local,
    unpool_with,
)
from pooling.check.variants import (
    adaptive_avg_backward,
    blur_pool2d,
    max_from_relu,
    receptive_field,
    softmax_pool2d,
    softmax_pool2d_backward,
    stochastic_chances,
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
    "adaptive_avg_backward",
    "average_kernel",
    "avg_unpool_mended",
    "blur_pool2d",
    "box_sums",
    "contrast_mended",
    "count_parameters",
    "diagonal_windows",
    "doubling_shifts",
    "encoder_decoder",
    "faster_plan",
    "im2row",
    "input_sizes",
    "inputs_that_show",
    "kink_distance",
    "local_indices",
    "lost_axis",
    "mask_bytes",
    "mask_to_indices",
    "max_and_distance",
    "max_backward",
    "max_from_relu",
    "mended_backward",
    "mended_unpool_backward",
    "min_pool2d",
    "min_pool2d_two_passes",
    "mixed_backward",
    "mixed_forward",
    "pool2d_mended",
    "pool_by_hand",
    "pool_mended",
    "pooling_cost",
    "pooling_traffic",
    "receptive_field",
    "same_answer",
    "same_padding",
    "second_max_pool2d",
    "showing_average",
    "showing_case",
    "showing_input",
    "showing_sums",
    "softmax_pool2d",
    "softmax_pool2d_backward",
    "stochastic_chances",
    "sum_pool_backward",
    "switch_shares",
    "times_added",
    "unpool_by_hand",
    "unpool_local",
    "unpool_with",
    "where_in_memory",
    "window_strides",
    "windows_along",
    "windows_per_cell",
    "worked_problem",
]


def made_for(version):
    """Say so if a notebook and this package are of different versions."""
    ours = importlib.metadata.version("pooling")
    if version != ours:
        print(
            f"Versions differ: notebook {version}, pooling {ours}. "
            f"Update the older one."
        )
