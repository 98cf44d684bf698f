"""The course: solutions/ -> book/exercises/; a class's files are in course/.

nbgrader reads this file for each of its commands.
"""

from pathlib import Path

root = Path(__file__).resolve().parent if "__file__" in globals() else Path()
c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "pooling"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "book/exercises"
c.CourseDirectory.submitted_directory = "course/submitted"
c.CourseDirectory.autograded_directory = "course/autograded"
c.CourseDirectory.feedback_directory = "course/feedback"
c.CourseDirectory.db_url = "sqlite:///course/gradebook.db"

# What a learner finds in place of a solution.
c.ClearSolutions.code_stub = {
    "python": "# your code here\nraise NotImplementedError"
}
c.ClearSolutions.text_stub = "*Your answer here.*"

# Seconds for one cell: the slowest check needs less than one.
c.ExecutePreprocessor.timeout = 20
