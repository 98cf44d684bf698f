"""By one's own hand: judged from the text of the cell that defines it."""

import ast
import inspect

ALLOWED = {"output_size", "pair"}  # they count windows, and pool none


def text_of(function):
    """Return the text of the cell, or file, that defines a function.

    In class the judge leaves it at the function, which runs elsewhere.
    """
    if hasattr(function, "_text"):
        return function._text
    try:
        return "".join(inspect.findsource(function)[0])
    except (OSError, TypeError):
        return ""


def by_own_hand(text, names, routes=()):
    """Say which ready-made route a function takes; [] if it takes none.

    It looks at the function and at those of the same text that it uses. What
    the text does not show, such as a name made in another cell, it lets pass.

    Parameters
    ----------
    text : str
        Of the cell.
    names : collection of str
        Of the function: that which the task gives it, and its own.
    routes : collection of str
        Names that are refused, beside all of `pooling` but output_size, pair.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    imported = {}  # name in the text -> what it stands for, with dots
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            home = getattr(node, "module", None)  # None: import a.b
            for alias in node.names:
                given = alias.asname or alias.name.split(".")[0]
                whole = alias.name if alias.asname or home else given
                imported[given] = f"{home}.{whole}" if home else whole
    defined = {
        node.name: node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    } | {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
        and isinstance(node.value, (ast.Name, ast.Attribute, ast.Lambda))
    }  # f = lambda ..., f = pooling.f
    todo, done = list(names), set()
    while todo:
        function = defined.get(todo.pop())
        if function is None or function in done:
            continue
        done.add(function)
        for node in ast.walk(function):
            if not isinstance(node, (ast.Name, ast.Attribute)):
                continue
            first, *rest = ast.unparse(node).split(".")
            whole = ".".join([imported.get(first, first), *rest])
            steps = whole.split(".")
            if steps[-1] in routes or (
                steps[0] == "pooling"
                and len(steps) > 1
                and steps[-1] not in ALLOWED
            ):
                return [
                    f"  line {node.lineno} of its cell uses {whole}, and the "
                    "task asks you to build",
                    "  this by your own hand: that is where the learning is. "
                    "The hints help.",
                ]
            if isinstance(node, ast.Name):
                todo.append(node.id)
    return []
