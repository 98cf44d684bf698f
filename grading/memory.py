"""What was graded, by content: beside the gradebook, in a small file."""

import json
import os


class Memory:
    """The file graded.jsonl: fingerprints, and what became of submissions.

    Each outcome is one line at the end of the file, so that a run can be
    ended at any moment; of several lines about the same, the last one counts.
    """

    def __init__(self, path):
        self.path = path
        self.entries = {}
        if path.exists():
            lines = path.read_text("utf-8", "replace").splitlines()
            for line in lines:
                try:
                    kind, name, entry = json.loads(line)
                    self.entries[kind, name] = entry
                except (ValueError, TypeError):  # a line cut short
                    continue
            if len(lines) > 2 * len(self.entries):
                self.shorten()
            elif lines:
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n")  # after a line cut short

    def get(self, student, assignment):
        """Return what is known of a submission, a dict; {} if nothing."""
        return self.entries.get(("submission", f"{student}/{assignment}"), {})

    def put(self, entries, lasting=True):
        """Keep what became of submissions: {(student, assignment): entry}."""
        self.add(
            {("submission", "/".join(k)): e for k, e in entries.items()},
            lasting,
        )

    def tests(self, assignment):
        """Return the fingerprint an assignment was registered with."""
        return self.entries.get(("tests", assignment))

    def add(self, entries, lasting=True):
        """Write lines: {(kind, name): entry}.

        `lasting`: make sure that they are on the disk, which takes a while.
        """
        self.entries.update(entries)
        if not entries:
            return
        with self.path.open("a", encoding="utf-8") as file:
            for (kind, name), entry in entries.items():
                file.write(json.dumps([kind, name, entry]) + "\n")
            file.flush()
            if lasting:
                os.fsync(file.fileno())

    def shorten(self):
        """Write the file anew, without what no longer counts."""
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            for (kind, name), entry in self.entries.items():
                file.write(json.dumps([kind, name, entry]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
