"""A check is a table: what is right, on which calls, and what goes wrong.

    min_pool2d = Check(right, cases, mistakes)

`check.min_pool2d(f)` calls the learner's f as the table says and raises a
`CheckFailed` at the first call that goes wrong. It says, in this order: not
attempted, raised an error, type, shape, dtype, input changed, values, a likely
cause, and which hint to open. `tests/test_tables.py` tries each mistake.
"""

import contextlib
import inspect
import io
import linecache
import os
import textwrap
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pooling.check.hand import by_own_hand, text_of
from pooling.geometry import pooling_axes

MOST_LINES, WIDTH = 12, 75
SEVERAL = (tuple, list)
CHANGED = "  your function changed its input: work on a copy, `x.copy()`"
HELP = "  check.last() gives the arguments, check.show() draws the call."


class CheckFailed(AssertionError):
    """An answer is not right yet; its text says what and where.

    Its `key` is that of the mistake, or of what is wrong with the form.
    """

    def __init__(self, text, key=""):
        super().__init__(text)
        self.key = key

    def _render_traceback_(self):  # Jupyter shows the message alone
        return str(self).splitlines()


class NotAttempted(CheckFailed):
    """The stub is still in place."""


class NotHere(Exception):
    """A mistake that cannot be made in this case."""


class Mistake(NamedTuple):
    """A mistake that learners make: one row of a table."""

    key: str  # short and stable: what a class got wrong is counted by it
    says: str  # what to tell
    hint: int | None  # the hint that helps
    answer: Callable  # takes what the learner's function takes


class Case(NamedTuple):
    """One call of the learner's function and what it must return."""

    part: str
    says: str  # what is particular about it
    args: tuple
    expected: Any


class Draw:
    """Makes a table's numbers: the same seed, the same numbers.

    With seed 0, what the learner sees, sizes and picks stay as they stand in
    the table; all others vary them.
    """

    def __init__(self, seed):
        self.seed, self.rng = seed, np.random.default_rng(seed)

    def sizes(self, *sizes, by=3):
        """Return the sizes, each a little larger, none equal by chance."""
        grown = sizes
        while self.seed and (
            grown == sizes or len(set(grown)) < len(set(sizes))
        ):
            more = self.rng.integers(0, by + 1, len(sizes)).tolist()
            grown = tuple(map(sum, zip(sizes, more, strict=True)))
        return grown

    def pick(self, *options):
        """Return the first with seed 0, one of the others otherwise."""
        return options[self.seed and int(self.rng.integers(1, len(options)))]

    def numbers(self, shape, below=0):
        """Return distinct whole numbers, as floats, all < `below`.

        Distinct, so that no maximum is tied; negative, unless told otherwise,
        so that a zero that should not be there wins.
        """
        order = self.rng.permutation(int(np.prod(shape)))
        return (order - order.size + below).astype(float).reshape(shape)

    def ties(self, shape, values=3):
        """Return few different whole numbers, as floats, from 0."""
        return self.rng.integers(0, values, shape).astype(float)


class Check:
    """One exercise, called with the learner's function: `check.NAME(f)`.

    Parameters
    ----------
    right : callable
        The reference; takes what the learner's function takes.
    cases : callable or list
        cases(draw) yields rows (part, what is particular, *arguments); a list
        of such rows where the answer is data and no other calls exist.
    mistakes : iterable of (key, says, hint, answer)
        The first whose whole answer came out is named.
    axes : sequence of str
        Names of the axes of the results, for messages on shapes.
    draw : callable, optional
        draw(*arguments) -> (place of a wrong value -> its picture, as text or
        a `Cut`); or {part: such a function}.
    results : dict of str to int, optional
        Which of several results a part looks at.
    exact : collection of str
        Parts in which the dtype must be that of the reference.
    integers : bool
        Whole numbers must come in an array of integers, not of floats.
    rule : callable, optional
        Where several answers are right: rule(result, *arguments) -> [] if
        this one is, else [key of the mistake, *lines that say more]; or
        {part: such a function}.
    own_hand : collection of str, optional
        The task asks for one's own loops: the names of ready-made routes,
        which are refused beside those of `pooling`.
    """

    name = ""  # given by the package `check`

    def __init__(
        self, right, cases, mistakes=(), *, axes="NCHW", draw=None,
        results=None, exact=(), integers=False, rule=None, own_hand=None,
    ):  # fmt: skip
        self.right, self.rows, self.axes = right, cases, axes
        self.mistakes = [Mistake(*row) for row in mistakes]
        self.draw, self.results, self.exact = draw, results or {}, exact
        self.integers, self.rule, self.own_hand = integers, rule, own_hand

    @property
    def fixed(self):
        """Tell whether the cases are the same for each seed."""
        return not callable(self.rows)

    def cases(self, part=None, seed=0):
        """Return the cases of one part, or of all."""
        rows = list(self.rows if self.fixed else self.rows(Draw(seed)))
        parts = list(dict.fromkeys(row[0] for row in rows))
        if part is not None and part not in parts:
            raise ValueError(f"part must be one of {parts}, got {part!r}")
        with np.errstate(all="ignore"):
            return [
                Case(key, says, tuple(args), self.right(*args))
                for key, says, *args in rows
                if part in (None, key)
            ]

    def __call__(self, candidate, part=None):
        """Check all parts, or one; raise at the first mistake."""
        self.judge(candidate, self.cases(part), part)

    def again(self, candidate, part=None, *seeds):
        """Check as in class: on other numbers, and a stub is an error."""
        for seed in seeds or (0,):
            self.judge(candidate, self.cases(part, seed), part, True)

    def judge(self, candidate, cases, part=None, in_class=False):
        """Run cases; raise at the first that fails."""
        try:
            self.attempt(candidate, cases)
        except NotAttempted as stub:
            if in_class or os.environ.get("NBGRADER_EXECUTION"):
                raise
            print(stub)  # at home, nothing is wrong yet
            return
        what = "1 case" if len(cases) == 1 else f"all {len(cases)} cases"
        print(f"✓ {self.name}{f' · {part}' if part else ''}: {what} right")

    def attempt(self, candidate, cases):
        """Run cases and keep the one that fails for `last` and `show`."""
        if not callable(candidate):
            if candidate is None or candidate is Ellipsis:
                raise NotAttempted(f"· {self.name}: not attempted yet")
            kind = type(candidate).__name__
            raise CheckFailed(
                f"✗ {self.name} must be a function, got {kind}", "type"
            )
        for number, case in enumerate(cases, 1):
            title = f"✗ {self.name}, case {number} of {len(cases)}"
            title += f": {case.says}"
            if case.args:
                title += f"\n  {self.name}({self.told(case.args)})"
            failures[:] = [(self, case, None)]
            got, changed = call(self.name, title, candidate, case.args)
            got = plain(case.expected, got)
            failures[:] = [(self, case, got)]
            key, lines = self.problem(case, got, changed)
            if key:
                mistake = self.named(case, got, key, cases[: number - 1])
                cause = self.cause(mistake, case, got)
                cause += [HELP] if case.args else []
                key = mistake.key if mistake else key
                raise CheckFailed(fitted([title, *lines], cause), key)
        failures.clear()
        if self.own_hand is not None:
            names = self.name, getattr(candidate, "__name__", self.name)
            lines = by_own_hand(text_of(candidate), names, self.own_hand)
            if lines:
                first = f"✗ {self.name}: the numbers are right, but"
                raise CheckFailed(fitted([first, *lines], []), "own-hand")

    def told(self, args):
        """Write the arguments of a call, arrays by their shapes."""
        names = list(inspect.signature(self.right).parameters)
        return ", ".join(map(argument, names, args))

    def seen(self, case, value):
        """Return what a part looks at of a result."""
        place = self.results.get(case.part)
        if place is None or not isinstance(value, SEVERAL):
            return value
        return value[place] if place < len(value) else None

    def problem(self, case, got, changed=False):
        """Return a key and lines on what is wrong; "", [] if nothing is."""
        rule = for_part(self.rule, case)
        if rule and got is not None:
            key, *lines = rule(got, *case.args) or [""]
            return key, lines
        exact = "dtype" if case.part in self.exact else (
            "kind" if self.integers else "")  # fmt: skip
        only = self.results.get(case.part)
        key, lines = form(case.expected, got, self.axes, exact, only)
        if key or changed:
            return (key, lines) if key else ("input-changed", [CHANGED])
        expected, got = self.seen(case, case.expected), self.seen(case, got)
        lines = differences(expected, got, self.picture(case))
        return ("values" if lines else ""), lines

    def picture(self, case):
        """Return what draws a place of a result, or None."""
        draw = for_part(self.draw, case)
        return draw and draw(*case.args)

    def cause(self, mistake, case, got):
        """Say what the mistake is, or what it may be."""
        if not mistake and not as_many(case.expected, got):
            return []
        if not mistake:
            expected = self.seen(case, case.expected)
            return guess(expected, self.seen(case, got), case.args)
        likely = "" if self.rule else "Likely cause: "
        hint = [f"  Hint {mistake.hint} says more."] if mistake.hint else []
        return [f"  {likely}{mistake.says}", *hint]

    def answer(self, mistake, case):
        """Return what a mistake gives; None where it is no mistake."""
        try:
            with np.errstate(all="ignore"):
                wrong = mistake.answer(*case.args)
        except NotHere:
            return None
        return wrong if self.problem(case, wrong)[0] else None

    def named(self, case, got, key="", passed=()):
        """Return the mistake whose whole answer is what came out, or None.

        One that would have shown in a case that has passed is not it.
        """
        if self.rule:
            return next((m for m in self.mistakes if m.key == key), None)
        if not as_many(case.expected, got):
            return None
        for mistake in self.mistakes:
            wrong = self.answer(mistake, case)
            if wrong is not None and self.alike(case, wrong, got):
                if all(self.answer(mistake, old) is None for old in passed):
                    return mistake
        return None

    def alike(self, case, a, b):
        """Tell whether two wrong answers are the same."""
        a, b, right = (self.seen(case, v) for v in (a, b, case.expected))
        # Right numbers of a wrong dtype: then the dtype is the mistake.
        return same(a, b) and (not same(a, right) or dtypes(a) == dtypes(b))


failures = []  # (check, case, result) of the last call, if it failed


def last():
    """Return the arguments of the last call that failed."""
    if not failures:
        print("The last check found nothing wrong.")
        return None
    args = failures[0][1].args
    return args[0] if len(args) == 1 else args


def show():
    """Draw the last call that failed: its input, yours, what is right."""
    if not failures:
        print("The last check found nothing wrong.")
        return None
    from pooling.draw import Panel, rows  # only a picture needs matplotlib

    table, case, got = failures[0]
    right, got = table.seen(case, case.expected), table.seen(case, got)
    if for_part(table.rule, case):  # one that is right would give it away
        print(f"got {shown(got)}")
        return None
    several = isinstance(right, tuple) and any(map(is_array, right))
    if several and isinstance(got, SEVERAL) and len(got) == len(right):
        pairs = zip(right, got, strict=True)
        right, got = next((p for p in pairs if not same(*p)), (right, got))
    if (
        not is_array(right) or not is_array(got) or same(right, got)
        or right.shape != got.shape
    ):  # fmt: skip
        with np.printoptions(threshold=99, edgeitems=2):
            print(f"expected {shown(right)}\ngot {shown(got)}")
        return None
    place = first_wrong(right, got)
    lead = place[:-2]
    wrong = np.argwhere(np.atleast_2d(~close(got, right)[lead])).tolist()
    marks = list(map(tuple, wrong))
    pair = [Panel(got[lead], "yours", marks=marks), "should be",
            Panel(right[lead], "right", marks=marks)]  # fmt: skip
    picture = table.picture(case)
    cut = picture(place) if picture else None
    first = [cut.panel()] if isinstance(cut, Cut) else []
    words = f"{table.name}: {len(marks)} wrong cells in a plane, marked."
    return rows(*([first] if first else []), pair, alt=words)


def call(name, title, candidate, args):
    """Call the learner's function; return its result and if args changed.

    It gets the arrays themselves, for a copy would lose their memory layout;
    what it changes is put back.
    """
    arrays = list(arrays_in(args))
    kept = [a.copy() for a in arrays]
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            got = candidate(*args)
        changed = not all(map(same, arrays, kept))
        if any(got is array for array in arrays):
            got = got.copy()  # what is put back must not change the result
    except NotImplementedError:
        raise NotAttempted(f"· {name}: not attempted yet") from None
    except Exception as error:
        raise CheckFailed(
            f"{title}\n  your function raised {type(error).__name__}: "
            f"{error}{where(error)}",
            "raised",
        ) from None
    finally:
        for array, before in zip(arrays, kept, strict=True):
            if not same(array, before):
                array[...] = before
    return got, changed


def is_array(value):
    """Tell whether a value is an array."""
    return isinstance(value, np.ndarray)


def arrays_in(value):
    """Yield the arrays in nested tuples, lists and dicts."""
    if is_array(value):
        yield value
    elif isinstance(value, (*SEVERAL, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from arrays_in(part)


def where(error):
    """Name the learner's line that raised, if it can be found."""
    if hasattr(error, "place"):  # it comes from another process
        return error.place
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = frame.line or linecache.getline(frame.filename, frame.lineno)
        if "ipykernel" in frame.filename or frame.filename.startswith("<"):
            return f"\n  at line {frame.lineno} of its cell: {line.strip()}"
    return ""


def for_part(option, case):
    """Return an option that may be {part: option}."""
    return option.get(case.part) if isinstance(option, dict) else option


def plain(expected, got):
    """Take a list or an array for a tuple where that is plain."""
    if (
        isinstance(expected, tuple)
        and (isinstance(got, SEVERAL) or (is_array(got) and got.ndim))
        and len(got) == len(expected)
    ):
        return tuple(map(plain, expected, got))
    return got


def as_many(expected, got):
    """Tell whether there are as many results as expected."""
    return not isinstance(expected, tuple) or (
        isinstance(got, SEVERAL) and len(got) == len(expected)
    )


def form(expected, got, axes, exact="", only=None):
    """Say what is wrong with type, shape or dtype: a key and lines.

    exact : "dtype" to demand the same, "kind" to refuse floats for integers.
    """
    if got is None:
        return "returned-none", ["  it returned None: is a `return` missing?"]
    if expected is None:
        return "", []
    if isinstance(expected, tuple):
        if not as_many(expected, got):
            return "type", [
                f"  must return {len(expected)} results, got {describe(got)}"
            ]
        for k, (want, have) in enumerate(zip(expected, got, strict=True)):
            if only in (None, k):
                place = f"result {k + 1} of {len(expected)}"
                if have is None and want is not None:
                    return "not-done", [
                        f"  {place} is None: still to do, or is a `return` "
                        "missing?"
                    ]
                key, lines = form(want, have, axes, exact) if (
                    want is not None) else ("", [])  # fmt: skip
                if lines:
                    return key, [f"  in {place}:", *lines]
        return "", []
    if not is_array(expected):
        return form_of_number(expected, got)
    if not is_array(got):
        more = ": use np.array" if isinstance(got, SEVERAL) else ""
        return "type", [f"  must be an array, got {describe(got)}{more}"]
    if got.shape != expected.shape:
        return "shape", form_of_shape(expected, got, axes)
    if (
        got.dtype.kind not in "fiu"
        or (expected.dtype.kind == "f" and got.dtype.kind != "f")
        or (exact == "dtype" and got.dtype != expected.dtype)
        or (exact and expected.dtype.kind in "iu" and got.dtype.kind == "f")
    ):
        like = "" if exact == "dtype" else "like "
        return "dtype", [
            f"  shape {got.shape} is right",
            f"  dtype must be {like}{expected.dtype}, got {got.dtype}",
        ]
    return "", []


def form_of_number(expected, got):
    """Say why this is not a number, or not a whole one."""
    if is_array(got) and got.ndim == 0:
        got = got[()]
    whole = isinstance(got, (int, np.integer)) and not isinstance(got, bool)
    if isinstance(expected, str) and isinstance(got, str):
        return "", []
    if not whole and not isinstance(got, (float, np.floating)):
        return "type", [f"  must be a number, got {describe(got)}"]
    if isinstance(expected, int) and not whole:
        text = f"  must be a whole number, an int, got {describe(got)}"
        return "dtype", [text]
    return "", []


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


def differences(expected, got, picture=None):
    """Say which values differ, the first place and its picture."""
    if expected is None or same(expected, got):
        return []
    if isinstance(expected, tuple):
        if not any(is_array(want) for want in expected):
            return [f"  expected {shown(expected)}, got {shown(got)}"]
        for k, (want, have) in enumerate(zip(expected, got, strict=True), 1):
            lines = differences(want, have, picture)
            if lines:
                return [f"  in result {k} of {len(expected)}:", *lines]
    if not is_array(expected):
        return [f"  expected {shown(expected)}, got {shown(got)}"]
    wrong = ~close(got, expected)
    place = first_wrong(expected, got)
    lines = [
        f"  shape {got.shape} and dtype {got.dtype} are right",
        f"  {wrong.sum()} of {wrong.size} values differ, the first at "
        f"{list(place)}:",
        f"    expected {shown(expected[place])}, got {shown(got[place])}",
    ]
    if picture:
        lines += [f"    {line}" for line in str(picture(place)).splitlines()]
    return lines


def first_wrong(expected, got):
    """Return the first place where two arrays of one shape differ."""
    return tuple(map(int, np.argwhere(~close(got, expected))[0]))


def guess(expected, got, args):
    """Read what may be the cause from the pattern of the whole answer."""
    if not is_array(expected) or not is_array(got):
        return []
    if same(expected, got) or got.ndim != expected.ndim:
        return []
    if got.size and expected.any() and not got.any():
        return ["  Every value is 0: was anything written to the result?"]
    if any(same(got, array) for array in arrays_in(args)):
        return ["  This is the input as it came in: was anything written?"]
    if expected.dtype.kind == "f" and got.dtype.kind in "iu":
        return [
            "  Perhaps: whole numbers drop what is behind the point; so does "
            "`//`, and so does an array made for ints."
        ]
    if same(np.sort(expected, None), np.sort(got, None)):
        return [
            "  Perhaps: the right numbers are in the wrong places; has a "
            "transpose or a reshape mixed up the axes?"
        ]
    if got.shape == expected.shape and not got[~close(got, expected)].any():
        return [
            "  Perhaps: every wrong value is 0; was that cell written to, or "
            "did a padded 0 come in?"
        ]
    return []


def fitted(lines, end):
    """Wrap lines; cut the first so that all of them are few enough."""
    wrap = textwrap.TextWrapper(WIDTH, subsequent_indent="    ",
                                break_long_words=False)  # fmt: skip
    first, last = (
        [part for line in "\n".join(some).splitlines()
         for part in ([line] if len(line) <= WIDTH else wrap.wrap(line))]
        for some in (lines, end)
    )  # fmt: skip
    room = MOST_LINES - len(last)
    if len(first) > room:
        first = [*first[: room - 1], "    …"]
    return "\n".join(first + last)


def close(got, expected):
    """Compare: whole numbers exactly, others up to rounding; NaN is NaN."""
    if all(np.asarray(a).dtype.kind in "iu" for a in (got, expected)):
        return np.equal(got, expected)
    return np.isclose(got, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


def same(a, b):
    """Tell whether two results agree in shape and values; None is open."""
    if isinstance(a, SEVERAL) and isinstance(b, SEVERAL):
        return len(a) == len(b) and all(map(same, a, b))
    if a is None or b is None:
        return a is b
    try:
        return np.shape(a) == np.shape(b) and bool(np.all(close(a, b)))
    except (TypeError, ValueError):  # not numbers
        return type(a) is type(b) and isinstance(a, str) and a == b


def dtypes(value):
    """Return the dtypes of a result, nested as it is."""
    if isinstance(value, SEVERAL):
        return [dtypes(part) for part in value]
    return np.asarray(value).dtype


def describe(value):
    """Name a value in a message, shortly."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, SEVERAL):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {textwrap.shorten(str(value), 40)}"


def shown(value):
    """Write numbers without numpy's names for them."""
    if isinstance(value, SEVERAL):
        return f"({', '.join(map(shown, value))})"
    real = isinstance(value, (float, np.floating))
    return f"{value:.6g}" if real else str(value)


def argument(name, value):
    """Write an argument of a call, a large array by its shape."""
    if not is_array(value):
        return value.__name__ if callable(value) else repr(value)
    if value.ndim == 1 and value.size <= 8:
        return str(value.tolist())
    kind = "" if value.dtype == float else f"{value.dtype} "
    return f"{kind}{name} of shape {value.shape}"


class Cut(NamedTuple):
    """A window of an array, from which a value was made."""

    array: np.ndarray
    lead: tuple  # which plane
    rows: Any  # of the plane; outside of it is padding
    columns: Any

    def __str__(self):
        plane = self.array[self.lead]
        cells = [
            [
                shown(plane[r, k])
                if 0 <= r < plane.shape[0] and 0 <= k < plane.shape[1]
                else "·"
                for k in self.columns
            ]
            for r in self.rows
        ]
        dots = " (· is padding)" if any("·" in c for c in cells) else ""
        return f"its window{dots}:\n" + grid(cells)


    def panel(self):
        """Draw the plane, padded as far as the window reaches."""
        from pooling.draw import Panel

        plane = self.array[self.lead]
        ends = [
            (max(0, -min(axis)), max(0, max(axis) + 1 - size))
            for axis, size in zip(
                (self.rows, self.columns), plane.shape, strict=True
            )
        ]
        cells = np.pad(plane.astype(object), ends, constant_values="")
        (top, _), (left, _) = ends
        frame = (top + min(self.rows), left + min(self.columns),
                 np.ptp(self.rows) + 1, np.ptp(self.columns) + 1)  # fmt: skip
        return Panel(cells, "the window", frames=[frame], pad=ends)


def windows_of(x, window, stride=None, padding=0):
    """Return a function that cuts out the window of an output place.

    x is (N, C, H, W) or one plane (H, W).
    """
    rows, columns = pooling_axes(
        (1, 1, *x.shape[-2:]), window, stride, padding
    )

    def cut(place):
        *lead, i, j = place
        down, across = rows.positions()[i], columns.positions()[j]
        return Cut(x, tuple(lead), down, across)

    return cut


def gradient_picture(x, dout, window, stride=None, padding=0):
    """Return a function that lists the windows that hold a cell of x."""
    rows, columns = pooling_axes(x.shape, window, stride, padding)

    def draw(place):
        n, c, r, k = place
        held = [
            (i, j)
            for i, j in np.ndindex(rows.out, columns.out)
            if r in rows.positions()[i] and k in columns.positions()[j]
        ]
        with_gradients = ", ".join(
            f"[{i}, {j}] with {dout[n, c, i, j]:g}" for i, j in held[:8]
        )
        many = "s that hold it:" if len(held) > 1 else ""
        says = f"the cell holds {x[place]:g}; window{many} {with_gradients}"
        if len(held) != 1:  # their cells would take too many lines
            return says + ", …" * (len(held) > 8)
        cut = windows_of(x, window, stride, padding)((n, c, *held[0]))
        return str(cut).replace("its window", says, 1)

    return draw


def grid(cells):
    """Align rows of short texts."""
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join(
        "  " + "  ".join(cell.rjust(width) for cell in row) for row in cells
    )
