"""How an answer is judged: step by step, and with words for what is wrong.

A check calls `judge` with cases. The first case that fails ends the check with
a `CheckFailed` that says, in this order: not attempted, raised an error, type,
shape, dtype, input changed, values, a likely cause, and which hint to open.
"""

import contextlib
import io
import linecache
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pooling.windows import pooling_axes


class CheckFailed(AssertionError):
    """An answer is not right yet; its text says what and where."""

    def _render_traceback_(self):  # Jupyter shows the message alone
        return str(self).splitlines()


class NotAttempted(CheckFailed):
    """The stub is still in place."""


class Case(NamedTuple):
    """One call of the learner's function and what it must return."""

    says: str  # what is particular about it
    args: tuple
    expected: Any  # an array, a number, or a tuple of these
    draw: Callable | None = None  # place of a wrong value -> text


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
    axes : str
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
        got = call(name, title, candidate, case)
        problem = explain(case, got, suspects, axes)
        if problem:
            raise CheckFailed("\n".join([f"✗ {title}", *problem]))
    label = f"{name} · {part}" if part else name
    print(f"✓ {label}: {len(cases)} of {len(cases)} cases right")


def call(name, title, candidate, case):
    """Call the learner's function on copies; turn its errors into words."""
    args = [np.copy(a) if isinstance(a, np.ndarray) else a for a in case.args]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(
            io.StringIO()
        ):
            warnings.simplefilter("ignore")
            got = candidate(*args)
    except NotImplementedError:
        raise NotAttempted(f"· {name}: not attempted yet") from None
    except Exception as error:
        raise CheckFailed(
            f"✗ {title}\n  your function raised {type(error).__name__}: "
            f"{error}{where(error)}"
        ) from None
    for before, after in zip(case.args, args, strict=True):
        if isinstance(before, np.ndarray) and not same(after, before):
            raise CheckFailed(
                f"✗ {title}\n  your function changed its input: work on a "
                f"copy, `x.copy()`"
            )
    return got


def where(error):
    """Name the learner's line that raised, if it can be found."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = frame.line or linecache.getline(frame.filename, frame.lineno)
        if "ipykernel" in frame.filename or frame.filename.startswith("<"):
            return f"\n  at line {frame.lineno} of its cell: {line.strip()}"
    return ""


def explain(case, got, suspects, axes):
    """Return the lines that say what is wrong with `got`; [] if nothing."""
    expected = case.expected
    if isinstance(expected, tuple):
        if not isinstance(got, tuple) or len(got) != len(expected):
            return [
                f"  must return {len(expected)} results, got "
                f"{describe(got)}"
            ]
        for k, (want, have) in enumerate(zip(expected, got, strict=True), 1):
            picked = [
                s._replace(answer=lambda *a, s=s, k=k: s.answer(*a)[k - 1])
                for s in suspects
            ]
            lines = explain(case._replace(expected=want), have, picked, axes)
            if lines:
                return [f"  in result {k} of {len(expected)}:", *lines]
        return []
    if got is None:
        return ["  it returned None: is a `return` missing?"]
    if not isinstance(expected, np.ndarray):
        return explain_number(case, got, suspects)
    if not isinstance(got, np.ndarray):
        return [f"  must be an array, got {describe(got)}"]
    if got.shape != expected.shape:
        return explain_shape(case, got, suspects, axes)
    if got.dtype.kind not in "fiu" or (
        expected.dtype.kind == "f" and got.dtype.kind != "f"
    ):
        return [
            f"  shape {got.shape} is right",
            f"  dtype must be like {expected.dtype}, got {got.dtype}",
            *accuse(case, got, suspects),
        ]
    wrong = ~close(got, expected)
    if not wrong.any():
        return []
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    lines = [
        f"  shape {got.shape} and dtype {got.dtype} are right",
        f"  {wrong.sum()} of {wrong.size} values differ, the first at "
        f"{list(place)}:",
        f"    expected {expected[place]:.6g}, got {got[place]:.6g}",
    ]
    if case.draw:
        lines += [f"    {line}" for line in case.draw(place).splitlines()]
    return lines + accuse(case, got, suspects)


def explain_number(case, got, suspects):
    """Judge a number."""
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    if isinstance(got, bool) or not isinstance(got, (int, float, np.number)):
        return [f"  must be a number, got {describe(got)}"]
    if close(got, case.expected):
        return []
    call = ", ".join(str(a) for a in case.args if np.ndim(a) <= 1)
    return [
        *([f"  for the arguments {call}"] if call else []),
        f"  expected {case.expected}, got {got}",
        *accuse(case, got, suspects),
    ]


def explain_shape(case, got, suspects, axes):
    """Say which axes have the wrong length."""
    expected = case.expected
    lines = [f"  shape must be {expected.shape}, got {got.shape}"]
    if got.ndim != expected.ndim:
        lines.append(f"  it needs {expected.ndim} axes, got {got.ndim}")
    elif axes and len(axes) == got.ndim:
        wrong = [
            f"{axis} is {g}, not {e}"
            for axis, g, e in zip(axes, got.shape, expected.shape, strict=True)
            if g != e
        ]
        lines.append("  " + "; ".join(wrong))
    return lines + accuse(case, got, suspects)


def accuse(case, got, suspects):
    """Name the first mistake whose answer is exactly what came out."""
    for suspect in suspects:
        with np.errstate(all="ignore"):
            try:
                answer = suspect.answer(*case.args)
            except Exception:  # this mistake cannot be made in this case
                continue
        if same(answer, got) and not same(answer, case.expected):
            lines = [f"  Likely cause: {suspect.says}"]
            if suspect.hint:
                lines.append(f"  Hint {suspect.hint} says more.")
            return lines
    if isinstance(case.expected, np.ndarray):
        want, have = np.sort(case.expected.ravel()), np.sort(np.ravel(got))
        if same(want, have):
            return [
                "  Likely cause: the right numbers are in the wrong places; "
                "has a transpose or a reshape mixed up the axes?"
            ]
        if not np.any(got):
            return ["  Likely cause: all zeros; was anything written to it?"]
    return []


def close(got, expected):
    """Compare up to rounding; NaN equals NaN."""
    return np.isclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


def same(a, b):
    """Tell whether two results agree in shape and values."""
    return np.shape(a) == np.shape(b) and bool(np.all(close(a, b)))


def describe(value):
    """Name a value in a message, shortly."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {value!r}"


def window_picture(x, window, stride=None, padding=0):
    """Return a function that prints the window of an output place [n,c,i,j].

    A padded cell is a dot.
    """
    rows, columns = pooling_axes(x.shape, window, stride, padding)

    def draw(place):
        n, c, i, j = place
        cells = [
            [
                f"{x[n, c, r, k]:g}"
                if 0 <= r < rows.size and 0 <= k < columns.size
                else "·"
                for k in columns.positions()[j]
            ]
            for r in rows.positions()[i]
        ]
        return "its window (· is padding):\n" + grid(cells)

    return draw


def gradient_picture(x, dout, window, stride=None, padding=0):
    """Return a function that lists the windows that hold a cell of x."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)

    def draw(place):
        n, c, r, k = place
        lines = [f"the cell holds {x[place]:g}; its windows (· is padding):"]
        window_of = window_picture(x, window, stride, padding)
        for i, j in np.ndindex(rows.out, columns.out):
            if r in rows.positions()[i] and k in columns.positions()[j]:
                cells = window_of((n, c, i, j)).splitlines()[1:]
                lines.append(
                    f"window [{i}, {j}], gradient {dout[n, c, i, j]:g}:"
                )
                lines += cells
        return "\n".join(lines)

    return draw


def grid(cells):
    """Align rows of short texts."""
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join(
        "  " + "  ".join(cell.rjust(width) for cell in row) for row in cells
    )


def distinct(shape, seed=0, below=0):
    """Return a float array of distinct whole numbers, all < `below`.

    Distinct, so that no maximum is tied; negative by default, so that a zero
    that should not be there wins.
    """
    size = int(np.prod(shape))
    order = np.random.default_rng(seed).permutation(size)
    return (order - size + below).astype(float).reshape(shape)
