"""How a class is graded: `python -m grading`."""

import sys

# jsonschema compiles a grammar of web addresses if it finds this; notebooks
# need none, and it takes a second whenever grading starts.
sys.modules.setdefault("rfc3987_syntax", None)
