"""The checks that are not tables yet: cases, suspects and how they are judged.

What both kinds share lives in `table`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pooling.check.table import (
    CHANGED,
    SEVERAL,
    CheckFailed,
    Draw,
    NotAttempted,
    call,
    close,
    describe,
    form,
    gradient_picture,
    grid,
    same,
    windows_of,
)

__all__ = [
    "Case", "CheckFailed", "NotAttempted", "Suspect", "close", "describe",
    "distinct", "form", "gradient_picture", "grid", "judge", "same", "values",
    "window_picture",
]  # fmt: skip


class Case(NamedTuple):
    """One call of the learner's function and what it must return."""

    says: str  # what is particular about it
    args: tuple
    expected: Any = None  # an array, a number, a tuple; None: not compared
    draw: Callable | None = None  # place of a wrong value -> text
    rule: Callable | None = None  # result -> lines; judges instead of values
    exact: bool = False  # the dtype must be that of `expected`


class Suspect(NamedTuple):
    """A mistake that learners make: what it returns, and what to say."""

    answer: Callable  # same arguments as the learner's function
    says: str
    hint: int | None = None  # the hint that helps


def judge(name, candidate, part, parts, suspects=(), axes="NCHW"):
    """Run the cases of one part, or of all; raise at the first that fails.

    Parameters
    ----------
    name : str
        Of the exercise, as the learner sees it.
    candidate : callable
        The learner's function.
    part : str or None
        Key of `parts`; None runs all of them.
    parts : dict of str to list of Case
    suspects : sequence of Suspect
        Tried in order on a failing case.
    axes : sequence of str
        Names of the axes of the expected arrays, for messages on shapes.

    Raises
    ------
    CheckFailed
        With a message for the learner.
    """
    if part is not None and part not in parts:
        raise ValueError(f"part must be one of {list(parts)}, got {part!r}")
    if not callable(candidate):
        if candidate is None or candidate is Ellipsis:
            raise NotAttempted(f"· {name}: not attempted yet")
        raise CheckFailed(
            f"✗ {name} must be a function, got {type(candidate).__name__}"
        )
    cases = [
        case
        for key, some in parts.items()
        if part in (None, key)
        for case in some
    ]
    for number, case in enumerate(cases, 1):
        title = f"{name}, case {number} of {len(cases)}: {case.says}"
        got, changed = call(name, f"✗ {title}", candidate, case.args)
        _, lines = form(case.expected, got, axes, case.exact)
        if not lines and changed:
            raise CheckFailed(f"✗ {title}\n{CHANGED}")
        if not lines:
            lines = case.rule(got) if case.rule else values(case, got)
        if lines:
            lines += accuse(case, got, suspects)
            raise CheckFailed("\n".join([f"✗ {title}", *lines]))
    label = f"{name} · {part}" if part else name
    print(f"✓ {label}: {len(cases)} of {len(cases)} cases right")


def first_of(judged, expected, got):
    """Return the first complaint about one of several results."""
    for k, (want, have) in enumerate(zip(expected, got, strict=True), 1):
        if want is None:
            continue
        if have is None:
            return [f"  result {k} of {len(expected)} is None: still to do?"]
        lines = judged(want, have)
        if lines:
            return [f"  in result {k} of {len(expected)}:", *lines]
    return []


def values(case, got):
    """Say which values differ, the first place and its picture."""
    expected = case.expected
    if expected is None:
        return []
    if isinstance(expected, tuple):
        return first_of(
            lambda want, have: values(case._replace(expected=want), have),
            expected,
            got,
        )
    wrong = ~close(got, expected)
    if not wrong.any():
        return []
    if not isinstance(expected, np.ndarray):
        call = ", ".join(str(a) for a in case.args if np.ndim(a) <= 1)
        return [
            *([f"  for the arguments {call}"] if call else []),
            f"  expected {expected}, got {got}",
        ]
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    lines = [
        f"  shape {got.shape} and dtype {got.dtype} are right",
        f"  {wrong.sum()} of {wrong.size} values differ, the first at "
        f"{list(place)}:",
        f"    expected {expected[place]:.6g}, got {got[place]:.6g}",
    ]
    if case.draw:
        lines += [f"    {line}" for line in case.draw(place).splitlines()]
    return lines


def accuse(case, got, suspects):
    """Name the first mistake whose answer is exactly what came out."""
    answers = []
    for suspect in suspects:
        with np.errstate(all="ignore"):
            try:
                answer = suspect.answer(*case.args)
            except Exception:  # this mistake cannot be made in this case
                continue
        if not same(answer, case.expected):  # nor does it show in each case
            answers.append((suspect, answer))
    views = [(got, answers)]
    if (
        isinstance(case.expected, tuple)
        and isinstance(got, SEVERAL)
        and len(got) == len(case.expected)
    ):
        # Several results: all alike, or else the first wrong one alone.
        wrong = [
            k
            for k, want in enumerate(case.expected)
            if want is not None and not same(got[k], want)
        ]
        views += [
            (got[k], [(suspect, answer[k]) for suspect, answer in answers])
            for k in wrong[:1]
        ]
    for have, some in views:
        for suspect, answer in some:
            if same(answer, have):
                more = f"  Hint {suspect.hint} says more."
                return [
                    f"  Likely cause: {suspect.says}",
                    *([more] if suspect.hint else []),
                ]
    return guess(case.expected, got)


def guess(expected, got):
    """Read a likely cause from the pattern of the wrong values."""
    if not isinstance(expected, np.ndarray) or not isinstance(got, np.ndarray):
        return []
    if same(expected, got) or got.ndim != expected.ndim:
        return []
    if expected.dtype.kind == "f" and got.dtype.kind in "iu":
        return [
            "  Likely cause: whole numbers drop what is behind the point; so "
            "does `//`, and so does an array made for ints."
        ]
    if same(np.sort(expected, None), np.sort(got, None)):
        return [
            "  Likely cause: the right numbers are in the wrong places; "
            "has a transpose or a reshape mixed up the axes?"
        ]
    if got.shape == expected.shape and not got[~close(got, expected)].any():
        return [
            "  Every wrong value is 0: was that cell written to, or did a "
            "padded 0 come in?"
        ]
    return []


def window_picture(x, window, stride=None, padding=0):
    """Return a function that prints the window of an output place."""
    cut = windows_of(x, window, stride, padding)
    return lambda place: str(cut(place))


def distinct(shape, seed=0, below=0):
    """Return a float array of distinct whole numbers, all < `below`."""
    return Draw(seed).numbers(shape, below)
