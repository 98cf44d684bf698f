"""What goes to an executor, and what becomes of that which comes back.

A job is plain data: the texts of a repaired notebook's cells, and the tests. A
result is plain data of which a student may have written a part.
"""

import contextlib
import re

import nbformat

from grading.intake import mark, picture


def job_of(submission, assignment, seconds, seconds_in_all):
    """Return what an executor needs to know of a repaired submission."""
    cells = []
    for cell in submission.notebook.cells:
        place = cell.metadata.get("place")
        if cell.cell_type != "code":
            cells.append({})
        elif place is None:
            cells.append({"run": cell.source, "own": True})
        else:
            role = dict(assignment.roles[place])
            role.pop("text", None)
            role["name"] = mark(cell).get("grade_id", "")
            if "test" not in role and role.get("shown") != cell.source:
                role["run"] = cell.source
            cells.append(role)
    return {
        "key": assignment.key,
        "prepared": assignment.prepared,
        "files": list(submission.files),
        "seconds": seconds,
        "seconds_in_all": seconds_in_all,
        "cells": cells,
    }


def executed(notebook, result):
    """Put the outputs of a run into a notebook, in nbgrader's terms."""
    count = 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = []
        test = result["tests"].get(str(number))
        if test:
            cell.outputs = outputs_of_test(test, count)
            cell.metadata["hidden"] = bool(test["error"] and test["hidden"])
        else:
            for output in result["outputs"].get(str(number)) or ():
                with contextlib.suppress(Exception):
                    cell.outputs += safe_output(output, count)
    return notebook


def outputs_of_test(test, count):
    """Return the outputs of a test, by which nbgrader scores it."""
    new = nbformat.v4.new_output
    outputs = []
    if test["text"]:
        outputs.append(new("stream", name="stdout", text=test["text"]))
    if test["error"]:
        name, text = test["error"]
        lines = text.splitlines() or [name]
        if name not in ("CheckFailed", "NotAttempted"):
            lines[0] = f"{name}: {lines[0]}"
        output = new("error", ename=name, evalue=text, traceback=lines)
        outputs.append(output)
    elif test["value"] is not None:
        text = {"text/plain": repr(test["value"])}
        outputs.append(new("execute_result", execution_count=count, data=text))
    return outputs


def safe_output(output, count):
    """Return an output of a student's cell, if it is text or a picture."""
    new = nbformat.v4.new_output
    kind = output["output_type"]
    if kind == "stream":
        name = {"stderr": "stderr"}.get(output["name"], "stdout")
        return [new("stream", name=name, text=clean(output["text"]))]
    if kind == "error":
        return [
            new(
                "error",
                ename=clean(output["ename"])[:100],
                evalue=clean(output["evalue"]),
                traceback=[clean(line) for line in output["traceback"]],
            )
        ]
    data = {}
    for key, value in output["data"].items():
        if key == "text/plain":
            data[key] = clean(value)
        elif key == "image/png":
            data[key] = picture(value)
    data = {key: value for key, value in data.items() if value}
    return [new("display_data", data=data)] if data else []


def clean(text):
    """Return a text without what is no character."""
    text = str(text)[:60_000].encode("utf-8", "replace").decode()
    return re.sub(r"[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]", "?", text)
