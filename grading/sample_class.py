"""A made-up class, made from the solutions: one student for each kind of day.

The tests know what each of them must get.
"""

import re
from typing import NamedTuple

import nbformat

TROUBLE = {
    "raises": """
def {name}(*args, **kwargs):
    return [][1]
""",
    "loops": """
def {name}(*args, **kwargs):
    step = 1
    while step > 0:
        step = step / 1
""",
    "talks": """{answer}

import sys
import warnings

{name}_in_silence = {name}


def {name}(*args, **kwargs):
    print("called with", len(args), "arguments")
    print("debugging", file=sys.stderr)
    warnings.warn("this may be slow")
    return {name}_in_silence(*args, **kwargs)
""",
}

# (exercise, key of the mistake) -> what is edited in the reference solution
EDITS = {
    ("min_pool2d", "padded-with-0"): (
        "    return -pooling.max_pool2d(-x, window, stride, padding)",
        "    rows, columns = np.broadcast_to(np.array(padding).T, (2, 2)).T\n"
        "    x = np.pad(x, ((0, 0), (0, 0), rows, columns))\n"
        "    return -pooling.max_pool2d(-x, window, stride)",
    ),
    ("pool2d_mended", "window-turned"): ("PH, PW = window", "PW, PH = window"),
    ("input_sizes", "padding-once"): ("- 2 * padding", "- padding"),
    ("pooling_cost", "padding-before-alone"): (
        "PH, PW = window",
        "PH, PW = window\n    padding = [(p, 0) for p in padding]",
    ),
    ("max_backward", "padded-with-0"): (
        None,
        """
def max_backward(x, dout, window, stride=None, padding=0):
    PH, PW = pair(window, "window", 1)
    SH, SW = (PH, PW) if stride is None else pair(stride, "stride", 1)
    TH, TW = pair(padding, "padding", 0)
    padded = np.pad(x, ((0, 0), (0, 0), (TH, TH), (TW, TW)))
    dx = np.zeros(padded.shape)
    for n, c, i, j in np.ndindex(dout.shape):
        row, column = i * SH, j * SW
        cut = padded[n, c, row : row + PH, column : column + PW]
        a, b = divmod(cut.argmax(), PW)
        dx[n, c, row + a, column + b] += dout[n, c, i, j]
    H, W = x.shape[2:]
    return dx[:, :, TH : TH + H, TW : TW + W]
""",
    ),
    ("second_max_pool2d", "not-transposed"): (
        "reshape(OH, OW, N, C).transpose(2, 3, 0, 1)",
        "reshape(N, C, OH, OW)",
    ),
    ("sum_pool_backward", "overwrites"): (
        None,
        """
def sum_pool_backward(dout, input_shape, window, stride):
    (PH, PW), (SH, SW) = (
        (k, k) if isinstance(k, int) else k for k in (window, stride)
    )
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dout.shape):
        row, column = i * SH, j * SW
        dx[n, c, row : row + PH, column : column + PW] = dout[n, c, i, j]
    return dx
""",
    ),
}


class Student(NamedTuple):
    """Who hands in what."""

    name: str
    comment: str
    # assignment -> {exercise: key of TROUBLE, or of a mistake}
    wrong: dict
    part: float = 1  # of the exercises that are answered, from the first
    shape: str = "notebook"  # what becomes of the file


ASSIGNMENTS = ["01_windows", "02_im2col"]
BOTH = {"01_windows": {}, "02_im2col": {}}
FIRST = {"01_windows": {}}
STUDENTS = [
    Student("perfect", "everything right", BOTH),
    Student("half_done", "the second half untouched", FIRST, part=0.5),
    Student("untouched", "as it was handed out", FIRST, part=0),
    Student(
        "zero_padding",
        "pads with 0",
        {
            "01_windows": {"min_pool2d": "padded-with-0"},
            "02_im2col": {"max_backward": "padded-with-0"},
        },
    ),
    Student(
        "lost_gradients",
        "= where += is needed",
        {"02_im2col": {"sum_pool_backward": "overwrites"}},
    ),
    Student(
        "no_transpose",
        "the right numbers in the wrong places",
        {"02_im2col": {"second_max_pool2d": "not-transposed"}},
    ),
    Student(
        "swapped_axes",
        "takes rows for columns",
        {"01_windows": {"pool2d_mended": "window-turned"}},
    ),
    Student(
        "half_a_padding",
        "pads on one side, and in a second place",
        {
            "01_windows": {
                "input_sizes": "padding-once",
                "pooling_cost": "padding-before-alone",
            }
        },
    ),
    Student(
        "raises",
        "a function ends in an error",
        {"01_windows": {"average_kernel": "raises"}},
    ),
    Student(
        "endless_loop",
        "a function never returns",
        {"01_windows": {"same_padding": "loops"}},
    ),
    Student(
        "talkative",
        "right, but prints and warns",
        {"01_windows": {"min_pool2d": "talks", "pool2d_mended": "talks"}},
    ),
    Student("other_editor", "saved without marks", FIRST, shape="stripped"),
    Student("renamed_file", "a file of another name", FIRST, shape="renamed"),
    Student("empty_folder", "nothing in the folder", FIRST, shape="empty"),
]


def lay_out(folder, assignment, source, released):
    """Write what the class hands in for one assignment.

    Parameters
    ----------
    folder : Path
        Where a class hands in.
    assignment : str
    source, released : Path
        The notebook with the solutions, and the student's.
    """
    answers = reference_answers(nbformat.read(source, as_version=4))
    for student in STUDENTS:
        if assignment in student.wrong:
            place = folder / student.name / assignment
            place.mkdir(parents=True)
            own = answers_of(student, assignment, answers)
            hand_in(student, place, filled(released, own))


def reference_answers(notebook):
    """Return {name of the exercise: text of its solution cell}."""
    scheme = re.compile(
        r"\n*### BEGIN MARK SCHEME.*### END MARK SCHEME", re.DOTALL
    )
    marker = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
    return {
        cell.metadata.nbgrader.grade_id: marker.sub(
            "", scheme.sub("", cell.source)
        ).rstrip()
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def answers_of(student, assignment, answers):
    """Return what a student answers: {exercise: text of the cell}."""
    answered = round(student.part * len(answers))
    own = dict(list(answers.items())[:answered])
    for exercise, what in student.wrong[assignment].items():
        own[exercise] = wrong_answer(exercise, what, answers[exercise])
    return own


def wrong_answer(exercise, what, answer):
    """Return an answer with trouble, or with a mistake."""
    if what in TROUBLE:
        return TROUBLE[what].format(name=exercise, answer=answer).strip()
    old, new = EDITS[exercise, what]
    return answer.replace(old, new) if old else new


def filled(released, answers):
    """Return the student's notebook with answers in its cells."""
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name, cell.source)
    return notebook


def hand_in(student, place, notebook):
    """Write a student's file, or what has become of it."""
    if student.shape == "empty":
        return
    if student.shape == "stripped":
        for cell in notebook.cells:
            cell.metadata = {}
    name = "my answers" if student.shape == "renamed" else place.name
    nbformat.write(notebook, place / f"{name}.ipynb")
