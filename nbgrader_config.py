"""The course: solutions/ -> book/exercises/; a class's files are in course/.

nbgrader reads this file for each of its commands, and so does `make grade`.
"""

import glob
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from nbgrader import utils
from nbgrader.apps import api
from nbgrader.converters import base

root = Path(__file__).resolve().parent
c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "pooling"
c.CourseDirectory.root = str(root)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "book/exercises"
c.CourseDirectory.submitted_directory = "course/submitted"
c.CourseDirectory.autograded_directory = "course/autograded"
c.CourseDirectory.feedback_directory = "course/feedback"
c.CourseDirectory.db_url = f"sqlite:///{root / 'course' / 'gradebook.db'}"
(root / "course").mkdir(exist_ok=True)  # sqlite does not make it


def found(pattern):
    """Glob, but take folders that exist for themselves, not for patterns."""
    folder, _, rest = pattern.rpartition("/")
    while folder and not os.path.isdir(folder):
        folder, _, name = folder.rpartition("/")
        rest = f"{name}/{rest}"
    return glob.glob(f"{glob.escape(folder)}/{rest}")


# Or else nbgrader finds nothing in a project called `pooling [2030]`.
for module in (api, base, utils):
    module.glob = SimpleNamespace(glob=found)

# What a learner finds in place of a solution.
c.ClearSolutions.code_stub = {
    "python": "# your code here\nraise NotImplementedError"
}
c.ClearSolutions.text_stub = "*Your answer here.*"

# The formgrader shows what students wrote: none of it may be alive there.
c.HTMLExporter.sanitize_html = True
if str(root) not in sys.path:
    sys.path.append(str(root))  # the nbgrader command finds grading/ here

# Seconds for one cell, and in all for cells that do not end; once they are
# spent, a cell gets one. The slowest honest notebook needs three in all.
c.Limits.seconds = 5
c.Limits.seconds_in_all = 30
