"""How a handed-in notebook is run: nbgrader's way, with two changes."""

import time

from nbclient.exceptions import DeadKernelError
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Integer


class RunCells(Execute):
    """Run the cells; endless loops cost seconds, not minutes."""

    seconds_in_all = Integer(
        30, help="Seconds for a notebook; after them a cell gets one."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        end = time.monotonic() + self.seconds_in_all

        def seconds_for(cell):
            most = self.timeout if is_grade(cell) else self.seconds_in_all
            return max(1, min(most, end - time.monotonic()))

        self.timeout_func = seconds_for
        try:
            return super().preprocess(nb, resources)
        except DeadKernelError:
            # nbclient answers Ctrl-C by ending the kernel: not the student's
            # fault, and the class must stop too.
            if hasattr(self, "_async_cleanup_kernel_future"):
                raise KeyboardInterrupt from None
            raise


class ForgiveWarnings(NbGraderPreprocessor):
    """Show what a check cell wrote to stderr, without taking its points.

    nbgrader gives 0 to a check cell with any stderr output. A failing check
    raises; a warning is no failure.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        if is_grade(cell) and cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
        return cell, resources
