"""How a class is graded: `python -m grading`."""
