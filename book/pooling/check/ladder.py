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

from pooling.geometry import pooling_axes

CHANGED = "  your function changed its input: work on a copy, `x.copy()`"
SEVERAL = (tuple, list)


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
        got, changed = call(name, title, candidate, case.args)
        lines = form(case.expected, got, axes, case.exact)
        if not lines and changed:
            raise CheckFailed(f"✗ {title}\n{CHANGED}")
        if not lines:
            lines = case.rule(got) if case.rule else values(case, got)
        if lines:
            lines += accuse(case, got, suspects)
            raise CheckFailed("\n".join([f"✗ {title}", *lines]))
    label = f"{name} · {part}" if part else name
    print(f"✓ {label}: {len(cases)} of {len(cases)} cases right")


def call(name, title, candidate, args):
    """Call the learner's function; return its result and if args changed.

    It gets the arrays themselves, for a copy would lose their memory layout;
    what it changes is put back.
    """
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    kept = [a.copy() for a in arrays]
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            got = candidate(*args)
        changed = not all(map(same, arrays, kept))
    except NotImplementedError:
        raise NotAttempted(f"· {name}: not attempted yet") from None
    except Exception as error:
        raise CheckFailed(
            f"✗ {title}\n  your function raised {type(error).__name__}: "
            f"{error}{where(error)}"
        ) from None
    finally:
        for array, before in zip(arrays, kept, strict=True):
            if not same(array, before):
                array[...] = before
    return got, changed


def where(error):
    """Name the learner's line that raised, if it can be found."""
    if hasattr(error, "place"):  # it comes from another process
        return error.place
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = frame.line or linecache.getline(frame.filename, frame.lineno)
        if "ipykernel" in frame.filename or frame.filename.startswith("<"):
            return f"\n  at line {frame.lineno} of its cell: {line.strip()}"
    return ""


def form(expected, got, axes, exact=False):
    """Say what is wrong with the type, shape or dtype; [] if nothing."""
    if got is None:
        return ["  it returned None: is a `return` missing?"]
    if expected is None:
        return []
    if isinstance(expected, tuple):
        if not isinstance(got, SEVERAL) or len(got) != len(expected):
            return [
                f"  must return {len(expected)} results, got {describe(got)}"
            ]
        return first_of(
            lambda want, have: form(want, have, axes, exact), expected, got
        )
    if not isinstance(expected, np.ndarray):
        return form_of_number(expected, got)
    if isinstance(got, SEVERAL):
        return [f"  must be an array, got {describe(got)}: use np.array"]
    if not isinstance(got, np.ndarray):
        return [f"  must be an array, got {describe(got)}"]
    if got.shape != expected.shape:
        return form_of_shape(expected, got, axes)
    if (
        got.dtype.kind not in "fiu"
        or (expected.dtype.kind == "f" and got.dtype.kind != "f")
        or (exact and got.dtype != expected.dtype)
    ):
        like = "" if exact else "like "
        return [
            f"  shape {got.shape} is right",
            f"  dtype must be {like}{expected.dtype}, got {got.dtype}",
        ]
    return []


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


def form_of_number(expected, got):
    """Say why this is not a number, or not a whole one."""
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    whole = isinstance(got, (int, np.integer)) and not isinstance(got, bool)
    if not whole and not isinstance(got, (float, np.floating)):
        return [f"  must be a number, got {describe(got)}"]
    if isinstance(expected, int) and not whole:
        return [f"  must be a whole number, an int, got {describe(got)}"]
    return []


def form_of_shape(expected, got, axes):
    """Say which axes have the wrong length."""
    lines = [f"  shape must be {expected.shape}, got {got.shape}"]
    if got.ndim != expected.ndim:
        lines.append(f"  it needs {expected.ndim} axes, got {got.ndim}")
    elif sorted(got.shape) == sorted(expected.shape):
        lines.append("  the lengths are right, but in another order")
    elif len(axes) == got.ndim:
        wrong = [
            f"{axis} is {g}, not {e}"
            for axis, g, e in zip(axes, got.shape, expected.shape, strict=True)
            if g != e
        ]
        lines.append("  " + "; ".join(wrong))
    return lines


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


def close(got, expected):
    """Compare: whole numbers exactly, others up to rounding; NaN is NaN."""
    if all(np.asarray(a).dtype.kind in "iu" for a in (got, expected)):
        return np.equal(got, expected)
    return np.isclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


def same(a, b):
    """Tell whether two results agree in shape and values."""
    if isinstance(a, SEVERAL) and isinstance(b, SEVERAL):
        return len(a) == len(b) and all(map(same, a, b))
    try:
        return np.shape(a) == np.shape(b) and bool(np.all(close(a, b)))
    except (TypeError, ValueError):  # not numbers
        return False


def describe(value):
    """Name a value in a message, shortly."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, SEVERAL):
        return f"a {type(value).__name__} of {len(value)}"
    text = str(value)
    if len(text) > 40:
        text = text[:40] + "…"
    return f"{type(value).__name__} {text}"


def window_picture(x, window, stride=None, padding=0):
    """Return a function that prints the window of an output place.

    x is (N, C, H, W) or one plane (H, W). A padded cell is a dot.
    """
    rows, columns = pooling_axes(
        (1, 1, *x.shape[-2:]), window, stride, padding
    )

    def draw(place):
        *lead, i, j = place
        plane = x[tuple(lead)]
        cells = [
            [
                f"{plane[r, k]:g}"
                if 0 <= r < rows.size and 0 <= k < columns.size
                else "·"
                for k in columns.positions()[j]
            ]
            for r in rows.positions()[i]
        ]
        dots = " (· is padding)" if any("·" in c for c in cells) else ""
        return f"its window{dots}:\n" + grid(cells)

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
