"""Wrong answers that learners give, each with what the check must say.

The tests hand each one to its check; the sample class is made of some of them.
A wrong answer is an edit of the reference solution (`old` becomes `new`) or,
without `old`, a solution of its own (`new`).
"""

from typing import NamedTuple


class WrongAnswer(NamedTuple):
    """One wrong answer to one exercise."""

    exercise: str  # name of the function in pooling.check and in the notebook
    mistake: str  # in a few words
    old: str | None  # text of the reference solution that is replaced, once
    new: str
    message: str  # must stand in what the check says


WRONG_ANSWERS = [
    wrong
    for chapter in list(globals().values())
    if isinstance(chapter, list)
    for wrong in chapter
]
