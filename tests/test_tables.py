"""Each table of `pooling.check` is right, and says what it should.

All of it is derived: each mistake is handed in as an answer, and must be
refused and named by its own sentence; the reference and its relatives pass;
an oracle, which knows nothing of the package, agrees.
"""

import ast
import inspect
import re
import sys
from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
import pytest

import pooling
from grading.sample_class import EDITS, reference_answers, wrong_answer
from pooling import check
from pooling.check.families import reduced
from pooling.check.hand import by_own_hand
from pooling.check.table import (
    HELP,
    MOST_LINES,
    WIDTH,
    Check,
    CheckFailed,
    Cut,
    Draw,
    NotAttempted,
    NotHere,
    close,
    fitted,
    form,
    gradient_picture,
    same,
)
from tests import oracles
from tests.test_checks import (
    HIDDEN,
    HOME,
    NOTEBOOKS,
    quietly,
    references,  # noqa: F401
    run,
)

TABLES = {
    name: getattr(check, name)
    for name in check.__all__
    if isinstance(getattr(check, name), Check)
}
MISTAKES = [(n, m) for n, table in TABLES.items() for m in table.mistakes]
SEEDS = range(6)

each_table = pytest.mark.parametrize("name", TABLES)
each_mistake = pytest.mark.parametrize(
    "name, mistake", MISTAKES, ids=[f"{n}: {m.key}" for n, m in MISTAKES]
)


def learner(table, mistake):
    """Return a function that makes a mistake wherever it can be made."""

    def candidate(*args):
        try:
            return mistake.answer(*args)
        except NotHere:
            return table.right(*args)

    return candidate


def refusal(function, *args):
    """Return the CheckFailed that a call ends in."""
    with pytest.raises(CheckFailed) as failed:
        quietly(function, *args)
    return failed.value


@cache
def answers(name):
    """Return each case of seed 0 with {key: the wrong answer there}."""
    table = TABLES[name]
    found = []
    for case in table.cases():
        given = {m.key: table.answer(m, case) for m in table.mistakes}
        found.append((case, {k: v for k, v in given.items() if v is not None}))
    return found


def showing(name, mistake):
    """Return the first case in which a mistake shows, and its answer."""
    for case, given in answers(name):
        if mistake.key in given:
            return case, given[mistake.key]
    raise AssertionError("it never shows")


def hidden_lines(name):
    """Return (part, seeds) of each hidden line of an exercise."""
    lines = []
    for cell in HOME[name].tests(name):
        call = ast.parse(HIDDEN.search(cell.source)[1]).body[0].value
        part, *seeds = map(ast.literal_eval, call.args[1:])
        lines.append((part, seeds))
    return lines


# -- each mistake -------------------------------------------------------------


@each_mistake
def test_mistake_is_named_where_it_first_shows(name, mistake):
    table = TABLES[name]
    case, _ = showing(name, mistake)
    failed = refusal(table, learner(table, mistake))
    title, *lines = str(failed).splitlines()
    assert failed.key == mistake.key
    assert mistake.says in " ".join(str(failed).split())
    said = re.sub(r"^✗ \w+, case \d+ of \d+: ", "", title)
    assert case.says.startswith(said)
    assert len(lines) < MOST_LINES
    assert all(len(line) <= WIDTH for line in (title, *lines))
    if mistake.hint:
        assert f"  Hint {mistake.hint} says more." in lines
        assert f"<summary>Hint {mistake.hint} · " in HOME[name].text


@each_mistake
def test_mistake_costs_points_in_class(name, mistake):
    table = TABLES[name]
    lost = 0
    for part, seeds in hidden_lines(name):
        try:
            quietly(table.again, learner(table, mistake), part, *seeds)
        except CheckFailed:
            lost += 1
    assert lost


@each_mistake
def test_oracle_refuses_the_mistake(name, mistake):
    table, oracle = TABLES[name], getattr(oracles, name)
    case, answer = showing(name, mistake)
    if table.rule:
        assert not oracle(answer, *case.args)
    else:
        truth = case._replace(expected=oracle(*case.args))
        assert table.problem(truth, answer)[0]


@each_table
def test_no_two_mistakes_coincide(name):
    """Not where they first show: the check can tell them apart."""
    table, seen = TABLES[name], set()
    for case, given in answers(name):
        fresh = {k: v for k, v in given.items() if k not in seen}
        for one, other in combinations(fresh, 2):
            assert table.rule or not table.alike(
                case, fresh[one], fresh[other]
            ), f"{one} is {other} in: {case.says}"
        seen |= set(given)


@each_table
def test_keys_and_sentences(name):
    rows = TABLES[name].mistakes
    assert len(rows) >= 3
    keys = Counter(row.key for row in rows)
    assert set(keys.values()) == {1}
    for row in rows:
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]*", row.key), row.key
        assert len(row.says) <= 150
        assert not row.says.endswith(".")


# -- each exercise ------------------------------------------------------------


@each_table
def test_oracle_agrees_with_what_is_right(name):
    table, oracle = TABLES[name], getattr(oracles, name)
    for seed in SEEDS:
        for case in table.cases(seed=seed):
            if table.rule:
                assert oracle(case.expected, *case.args), case.says
            else:
                truth = oracle(*case.args)
                assert same(truth, case.expected), (seed, case.says)


@each_table
def test_right_answers_pass(name):
    table = TABLES[name]
    for seed in SEEDS:
        quietly(table.again, lambda *args: table.right(*args), None, seed)


RELATIVES = {
    "fortran": lambda value: np.asfortranarray(value),
    "read-only": lambda value: np.broadcast_to(value, value.shape),
    "spread": lambda value: np.repeat(value, 2, axis=-1)[..., ::2],
    "list": lambda value: list(value) if type(value) is tuple else value,
    "numpy": lambda value: (
        np.array(value)
        if type(value) is tuple and all(type(v) is int for v in value)
        else value
    ),
    "numpy ints": lambda value: np.int64(value),
}


@pytest.mark.parametrize("kind", RELATIVES)
@each_table
def test_unusual_relatives_of_what_is_right_pass(name, kind):
    change, table = RELATIVES[kind], TABLES[name]

    def relative(value):
        if isinstance(value, tuple) and kind in ("list", "numpy"):
            return change(value)
        if isinstance(value, tuple):
            return tuple(map(relative, value))
        if kind == "numpy ints":
            return change(value) if type(value) is int else value
        arrays = kind in ("fortran", "read-only", "spread")
        if isinstance(value, np.ndarray) and value.ndim and arrays:
            return change(value)
        return value

    quietly(table, lambda *args: relative(table.right(*args)))


@each_table
def test_hidden_lines_ask_the_same_on_other_numbers(name):
    table = TABLES[name]
    parts = list(dict.fromkeys(case.part for case in table.cases()))
    lines = hidden_lines(name)
    assert [part for part, _ in lines] == parts
    for cell, (part, seeds) in zip(HOME[name].tests(name), lines, strict=True):
        more = "".join(f", {seed}" for seed in seeds)
        assert cell.source == (
            f'check.{name}({name}, "{part}")\n### BEGIN HIDDEN TESTS\n'
            f'check.{name}.again({name}, "{part}"{more})\n'
            "### END HIDDEN TESTS"
        )
        home = [case.args for case in table.cases(part)]
        assert table.fixed == (not seeds)
        assert table.fixed or len(set(seeds)) >= 2
        for seed in seeds:
            assert seed > 9, "a small seed is guessed"
            away = [case.args for case in table.cases(part, seed)]
            assert len(home) == len(away)
            assert not all(map(same, home, away))


@each_table
def test_cases_are_the_same_each_time(name):
    for seed in (0, 5):
        first, second = (TABLES[name].cases(seed=seed) for _ in range(2))
        assert all(same(a.args, b.args)
                   for a, b in zip(first, second, strict=True))  # fmt: skip


@pytest.mark.parametrize("name, key", [e for e in EDITS if e[0] in TABLES])
def test_the_sample_class_makes_these_mistakes(name, key, references):  # noqa: F811
    """Its answers are texts, for a student's process has no tables."""
    notebook = NOTEBOOKS[HOME[name].chapter]
    answer = reference_answers(notebook)[name]
    wrong = wrong_answer(name, key, answer)
    assert wrong != answer
    names = dict(references[HOME[name].chapter])
    run(wrong, names)
    assert refusal(TABLES[name], names[name]).key == key


# -- the engine ---------------------------------------------------------------


def doubled(x):
    """Double x."""
    return x * 2


def double_cases(draw):
    yield "all", "a case", draw.numbers((2, 3, 4, 5))


def table(right=doubled, cases=double_cases, mistakes=(), **options):
    """Make a table called `double`."""
    made = Check(right, cases, mistakes, **options)
    made.name = "double"
    return made


def said(candidate, *args, **options):
    """Return what a table says about a wrong candidate."""
    failed = refusal(table(*args, **options), candidate)
    assert failed._render_traceback_() == str(failed).split("\n")
    return str(failed)


def writes(result):
    """Make a function that writes to its input and returns the result."""

    def function(x):
        x[0, 0, 0, 0] = 7
        return result

    return function


def stub(x):
    raise NotImplementedError


def broken(x):
    return x / None


# In this order: each answer has the fault of its rung and of all below it.
@pytest.mark.parametrize(
    "candidate, key, says",
    [
        (7, "type", "✗ double must be a function, got int"),
        (broken, "raised", "your function raised TypeError: unsupported"),
        (writes(None), "returned-none", "returned None: is a `return` mis"),
        (writes("no"), "type", "must be an array, got str no"),
        (writes([1, 2]), "type", "got a list of 2: use np.array"),
        (writes(np.zeros(3, int)), "shape", "it needs 4 axes, got 1"),
        (writes(np.zeros((2, 3, 4, 6), int)), "shape", "W is 6, not 5"),
        (writes(np.zeros((2, 3, 5, 4), int)), "shape", "in another order"),
        (writes(np.zeros((9, 3, 4, 8), int)), "shape",
         "N is 9, not 2; W is 8, not 5"),
        (writes(np.zeros((2, 3, 4, 5), int)), "dtype", "must be like float"),
        (writes(np.zeros((2, 3, 4, 5), bool)), "dtype", "must be like float"),
        (writes(np.zeros((2, 3, 4, 5))), "input-changed",
         "your function changed its input"),
        (lambda x: x * 3, "values", "120 of 120 values differ"),
    ],
)  # fmt: skip
def test_messages_come_in_this_order(candidate, key, says):
    failed = refusal(table(), candidate)
    assert says in str(failed)
    assert failed.key == key


def test_a_message():
    one = table(draw=lambda x: lambda place: Cut(x, place[:2], [0], [-1, 0]),
                mistakes=[("tripled", "tripled", 2, lambda x: x * 3)],
                )  # fmt: skip
    (case,) = one.cases()
    lines = str(refusal(one, lambda x: x * 3)).splitlines()
    first = case.args[0][0, 0, 0, 0]
    assert lines == [
        "✗ double, case 1 of 1: a case",
        "  double(x of shape (2, 3, 4, 5))",
        "  shape (2, 3, 4, 5) and dtype float64 are right",
        "  120 of 120 values differ, the first at [0, 0, 0, 0]:",
        f"    expected {first * 2:g}, got {first * 3:g}",
        "    its window (· is padding):",
        f"        ·  {first:g}",
        "  Likely cause: tripled",
        "  Hint 2 says more.",
        "  check.last() gives the arguments, check.show() draws the call.",
    ]


@pytest.mark.parametrize(
    "candidate, says",
    [
        (lambda x: x * 0, "Every value is 0: was anything written"),
        (lambda x: x, "This is the input as it came in"),
        (lambda x: (x * 2)[:, ::-1], "Perhaps: the right numbers are in the"),
        (lambda x: x * 2 * (x < -9), "Perhaps: every wrong value is 0"),
        (lambda x: (x * 2 + 0.5).astype(int), "Perhaps: whole numbers drop"),
    ],
)
def test_guesses_say_perhaps_and_yield_to_a_named_mistake(candidate, says):
    assert says in " ".join(said(candidate).split())
    named = said(candidate, mistakes=[("it", "that is it", None, candidate)])
    assert "Likely cause: that is it" in named
    assert says not in " ".join(named.split())


def test_a_guess_holds_for_the_whole_answer():
    def nearly(x):
        y = x * 2 * (x < -9)
        y[0, 0, 0, 0] += 0.5
        return y

    assert "Perhaps" not in said(nearly)


def test_mistakes_are_compared_with_the_whole_answer():
    rows = [("all", "four too many", None, lambda k: (k + 4, 0))]
    cases = [("all", "a pair", 3)]

    def answer(*values):
        return said(lambda k: values, lambda k: (6, 5), cases, rows)

    assert "Likely cause: four too many" in answer(7, 0)
    assert "four too many" not in answer(7, 5)
    assert "expected (6, 5), got (7, 5)" in answer(7, 5)
    assert "must return 2 results, got int 6" in said(
        lambda k: 6, lambda k: (6, 5), cases
    )


def test_too_few_results_have_no_cause():
    def right(x):
        return x + 1, x + 2

    rows = [("turned", "wrong order", None, lambda x: right(x)[::-1])]
    cases = [("a", "two", np.arange(3)), ("b", "two", np.arange(3))]
    options = {"mistakes": rows, "results": {"a": 0, "b": 1}}
    for few in (lambda x: right(x)[1], lambda x: x, lambda x: (x + 2,)):
        says = said(few, right, cases, **options)
        assert "must return 2 results" in says
        assert "Likely cause" not in says and "This is" not in says


def test_a_part_looks_at_one_of_several_results():
    one = table(lambda: (1, 2), [("a", "first"), ("b", "second")],
                results={"a": 0, "b": 1})  # fmt: skip
    quietly(one, lambda: (1, None), "a")
    assert "result 2 of 2 is None: still to do, or" in str(
        refusal(one, lambda: (1, None))
    )


def test_a_wrong_dtype_can_be_the_mistake():
    rows = [("wide", "as floats", None, lambda x: x + 0.0)]
    right = lambda x: x.astype("i1")  # noqa: E731
    cases = [("all", "bytes", np.arange(4))]
    options = {"exact": {"all"}, "mistakes": rows}
    says = said(lambda x: x * 1.0, right, cases, **options)
    assert "dtype must be int8, got float64" in says
    assert "Likely cause: as floats" in says
    other = said(lambda x: x * 1, right, cases, **options)
    assert "Likely cause" not in other


def test_integers_can_be_demanded_of_any_width():
    cases = [("all", "whole numbers", np.arange(4))]
    strict = table(cases=cases, integers=True)
    says = str(refusal(strict, lambda x: x * 2.0))
    assert "dtype must be like int64, got float64" in says
    quietly(strict, lambda x: (x * 2).astype("u1"))
    quietly(table(cases=cases), lambda x: x * 2.0)


def test_a_mistake_that_cannot_be_made_is_passed_over():
    def nowhere(x):
        raise NotHere

    def fault(x):
        return 1 / 0

    rows = [("nowhere", "no", None, nowhere)]
    assert "Likely cause" not in said(lambda x: x * 3, mistakes=rows)
    with pytest.raises(ZeroDivisionError):
        table(mistakes=[("fault", "a fault", None, fault)])(lambda x: x * 3)


def test_small_gradients_show_the_bug():
    x = np.arange(4).reshape(1, 1, 2, 2)
    for dout in (0.7, 1e-12):
        answer = x, np.full((1, 1, 1, 1), dout)
        quietly(check.showing_case, lambda answer=answer: answer)
        assert oracles.showing_case(answer)
        harmless = x * 1.0, answer[1]
        refusal(check.showing_case, lambda harmless=harmless: harmless)


def test_a_rule_names_the_mistake():
    one = table(
        lambda: 2, [("all", "even")],
        [("odd", "an odd number", 1, lambda: 3)],
        rule=lambda got: ["odd", f"  {got} is left"] if got % 2 else [],
    )  # fmt: skip
    failed = refusal(one, lambda: 5)
    assert failed.key == "odd"
    assert str(failed).endswith(
        "  5 is left\n  an odd number\n  Hint 1 says more."
    )
    quietly(one, lambda: 8)
    odd = {"odd": lambda got: [] if got % 2 else ["even"]}
    parts = table(lambda: 2, [("even", "one"), ("odd", "two")], rule=odd)
    quietly(parts, lambda: 2, "even")
    assert refusal(parts, lambda: 2, "odd").key == "even"


def test_tuples_may_come_as_lists_or_arrays():
    two = table(lambda: (np.ones(3), (4, 5)), [("all", "two")])
    for pair in ([4, 5], np.array([4, 5])):
        quietly(two, lambda pair=pair: [np.ones(3), pair])
    assert "must return 2 results" in str(
        refusal(two, lambda: (np.ones(3), np.array([4, 5, 6])))
    )


def test_a_stub_is_a_calm_line_at_home_and_an_error_in_class(monkeypatch):
    for candidate in (stub, None, ...):
        assert quietly(table(), candidate) == (
            "· double: not attempted yet\n"
        )
        with pytest.raises(NotAttempted):
            table().again(candidate, "all", 11)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(NotAttempted):
        table()(stub)


def test_what_is_right_reads_well():
    two = [("a", "one", np.ones(2)), ("b", "two", np.ones(3))]
    assert quietly(table(), doubled) == "✓ double: 1 case right\n"
    assert quietly(table(cases=two), doubled) == (
        "✓ double: all 2 cases right\n"
    )
    assert quietly(table(cases=two), doubled, "a") == (
        "✓ double · a: 1 case right\n"
    )
    with pytest.raises(ValueError, match=r"part must be one of \['a', 'b'\]"):
        table(cases=two)(doubled, "c")


def test_input_that_is_returned_is_not_called_changed():
    assert "changed its input" not in said(lambda x: x)
    assert "changed its input" in said(lambda x: np.add(x, x, out=x))


def test_input_that_is_read_only_stays_so():
    x = np.ones((1, 1, 2, 2))
    x.flags.writeable = False
    says = said(writes(x), doubled, [("all", "read-only", x)])
    assert "raised ValueError: assignment destination is read-only" in says


def test_memory_layout_is_kept():
    turned = np.ones((2, 3, 4, 5)).transpose(3, 1, 0, 2)
    layouts = []
    said(lambda x: layouts.append(x.strides), doubled,
         [("all", "turned", turned)])  # fmt: skip
    assert layouts == [turned.strides]


@pytest.mark.filterwarnings("error")
def test_warnings_and_stderr_do_not_count(capsys):
    def candidate(x):
        np.log(np.array(-1.0))
        print("on the way", file=sys.stderr)
        return x * 2

    table()(candidate)
    assert capsys.readouterr().err == ""


def test_a_lost_line_is_named():
    names = {}
    text = "def double(x):\n    y = x + 1\n    return y[99]\n"
    exec(compile(text, "<cell>", "exec"), names)
    assert "at line 3 of its cell" in said(names["double"])


def test_the_last_call_can_be_had_and_drawn():
    refusal(table(), lambda x: x * 3)
    (case,) = table().cases()
    assert same(check.last(), case.args[0])
    assert "20 wrong cells" in repr(check.show())
    refusal(check.min_pool2d, lambda *a: check.min_pool2d.right(*a) + 1)
    assert "<svg" in check.show().svg
    refusal(check.input_sizes, lambda *a: (1, 2))
    assert quietly(check.show) == "expected (7, 10)\ngot (1, 2)\n"
    refusal(check.showing_input, lambda: np.ones((2, 2)))
    assert quietly(check.show) == "got [[1. 1.]\n [1. 1.]]\n"
    refusal(table(), writes(np.zeros((20, 30))))
    assert len(quietly(check.show).splitlines()) < 50
    two = table(lambda x: (x, (1, 2)), double_cases)
    for wrong in ((1, 2), (1,)):  # right numbers of a wrong type, and one
        refusal(two, lambda x, wrong=wrong: wrong)
        assert quietly(check.show).startswith("expected ")
    refusal(table(lambda x: x + 0.5, double_cases, exact={"all"}),
            lambda x: (x + 0.5).astype("f4"))  # fmt: skip
    assert quietly(check.show).startswith("expected [[[[")
    quietly(table(), doubled)
    assert quietly(check.last) == "The last check found nothing wrong.\n"
    assert quietly(check.show) == "The last check found nothing wrong.\n"


def test_long_messages_are_cut():
    long = [f"line {k}" for k in range(30)]
    assert fitted(long, ["the cause", HELP]).endswith(f"the cause\n{HELP}")
    text = fitted(long, ["the cause " * 10])
    assert len(text.splitlines()) == MOST_LINES
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert text.count("…") == 1
    assert text.endswith("cause")


def test_draws():
    assert Draw(0).sizes(2, 3) == (2, 3)
    assert Draw(0).pick("a", "b") == "a"
    for seed in range(1, 30):
        grown = Draw(seed).sizes(2, 3, 5, 8)
        assert grown != (2, 3, 5, 8)
        assert len(set(grown)) == 4
        assert all(0 <= g - k <= 3 for g, k in zip(grown, (2, 3, 5, 8),
                                                   strict=True))  # fmt: skip
    x = Draw(4).numbers((3, 5))
    assert len(set(x.flat)) == 15
    assert x.max() == -1


def test_numbers():
    for right, wrong in ((6, True), (6, 6.0), (6.0, "6")):
        assert form(right, wrong, "")[0] in ("type", "dtype")
    for right, fine in ((6, np.int64(6)), (6.0, 6), (6, np.array(6))):
        assert form(right, fine, "")[0] == ""


def test_whole_numbers_are_compared_exactly():
    assert not close(10**9, 10**9 + 1)
    assert close(10.0**9, 10**9 + 1)
    assert close(np.nan, np.nan)


def test_gradient_picture_lists_the_windows_of_a_cell():
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    dout = np.array([[[[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]]]])
    says = gradient_picture(x, dout, 2, 1)((0, 0, 1, 0))
    assert says == (
        "the cell holds 4; windows that hold it: [0, 0] with 5, [1, 0] with 8"
    )
    says = gradient_picture(x, dout, 2, 1)((0, 0, 0, 0))
    assert says.splitlines() == [
        "the cell holds 0; window [0, 0] with 5:", "  0  1", "  4  5"
    ]  # fmt: skip


def test_windows_are_reduced_with_and_without_padding():
    x = Draw(0).numbers((2, 3, 5, 4), below=50)
    padded = pooling.max_pool2d(x, (2, 3), (1, 2), 1)
    assert (reduced(max, x, (2, 3), (1, 2), 1) == padded).all()
    zeros = reduced(max, x - 200, (2, 3), (1, 2), 1, fill=0)
    assert (zeros[:, :, 0] == 0).all()


# -- by one's own hand --------------------------------------------------------

OWN = "def f(x):\n    return [row.max() for row in x]\n"
READY = {
    "a call": "def f(x):\n    return pooling.max_pool2d(x, 2)\n",
    "an alias": "import pooling as p\ndef f(x):\n    return p.max_pool2d(x)\n",
    "a name": "from pooling import max_pool2d as m\n"
              "def f(x):\n    return m(x)\n",
    "a module": "import pooling.engine\ndef f(x):\n"
                "    return pooling.engine.max_pool2d(x)\n",
    "a helper": "def g(x):\n    return pooling.max_pool2d(x, 2)\n"
                "def f(x):\n    return g(x)\n",
    "inside": "def f(x):\n    from pooling import max_pool2d\n"
              "    return max_pool2d(x)\n",
    "a view": "def f(x):\n    return np.lib.stride_tricks."
              "sliding_window_view(x, 2).max(-1)\n",
    "its name": "from numpy.lib.stride_tricks import sliding_window_view\n"
                "def f(x):\n    return sliding_window_view(x, 2).max(-1)\n",
    "a lambda": "f = lambda x: pooling.max_pool2d(x, 2)\n",
    "another name": "def g(x):\n    return pooling.max_pool2d(x)\nf = g\n",
    "itself": "f = pooling.max_pool2d\n",
}  # fmt: skip


@pytest.mark.parametrize("way", READY)
def test_a_ready_made_route_is_refused(way):
    lines = by_own_hand(READY[way], ["f"], ["sliding_window_view"])
    assert "by your own hand" in " ".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        OWN,
        OWN + "y = pooling.max_pool2d(x, 2)\n",  # beside the function
        OWN + "def g(x):\n    return pooling.max_pool2d(x)\n",
        "def f(x):\n    n = pooling.output_size(5, 2, 1)\n    return x[:n]\n",
        "from pooling.geometry import pair\n"
        "def f(x):\n    return x[:pair(2, 'window', 1)[0]]\n",
        "def f(x):\n    return max_pool2d(x)\n",  # from another cell
        "def f(x):\n    pooling = x.copy()\n    return pooling\n",
        "%matplotlib inline\n" + READY["a call"],  # not Python
    ],
)
def test_honest_work_is_let_pass(text):
    assert by_own_hand(text, ["f"], ["sliding_window_view"]) == []


def test_own_hand_comes_after_the_values(tmp_path):
    def max_pool2d(x):
        import pooling

        return pooling.max_pool2d(x, 2)

    one = table(max_pool2d, own_hand=())
    one.name = "max_pool2d"
    assert "values differ" in str(refusal(one, lambda x: max_pool2d(x) + 1))
    namespace = {}
    text = inspect.cleandoc("""
        import pooling
        def max_pool2d(x):
            return pooling.max_pool2d(x, 2)
    """)
    exec(compile(text, "<cell>", "exec"), namespace)
    candidate = namespace["max_pool2d"]
    quietly(one, candidate)  # no text can be had
    candidate._text = text
    failed = refusal(one, candidate)
    assert failed.key == "own-hand"
    candidate.__name__ = "mine"  # a name other than that of the task
    candidate._text = text.replace("def max_pool2d", "def mine")
    assert refusal(one, candidate).key == "own-hand"
    assert "the numbers are right, but" in str(failed)
