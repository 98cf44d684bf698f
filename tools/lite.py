"""Build the book to run in a browser: JupyterLite, in _build/html/lite.

    python -m tools.lite

`make lite` does that after `make book`. The kernel (Pyodide) and all pure
Python packages come with the site. Packages that are compiled for the browser
are in no registry that can be mirrored here, so the browser takes these few
from COMPILED when a notebook imports them; put another folder's address there
to host them, too.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile

from tools.finish_site import ROOT

PYODIDE = "314.0.6"  # the one that the kernel below was made for
COMPILED = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
KERNEL = [
    "jupyterlite-core==0.8.6",
    "jupyterlite-pyodide-kernel==0.8.6",
    "jupyter-server==2.21.1",  # or the notebooks are left out, silently
]
NEEDS = ["micropip", "ipython", "jedi", "matplotlib", "scikit-learn"]
SITE = ROOT / "_build" / "html"
WORK = ROOT / ".venv-lite"  # its environment: labextensions would leak in
BIN = WORK / "bin"
LITE = WORK / "lite"


def run(*command, **options):
    """Run a command; stop where it fails."""
    subprocess.run(command, check=True, **options)


def prepare():
    """Make the environment once; unpack Pyodide's core from npm."""
    if not (BIN / "jupyter-lite").exists():
        run(sys.executable, "-m", "venv", "--clear", WORK)
        run(BIN / "python", "-m", "pip", "install", "--quiet", *KERNEL)
    core = LITE / "static" / "pyodide"
    shutil.rmtree(LITE, ignore_errors=True)
    core.mkdir(parents=True)
    packed = WORK / f"pyodide-{PYODIDE}.tgz"
    if not packed.exists():
        run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", cwd=WORK)
    with tarfile.open(packed) as archive:
        archive.extractall(WORK / "npm", filter="data")
    for pattern in ("*.mjs", "*.js", "*.wasm", "*.zip", "pyodide*.json"):
        for file in (WORK / "npm" / "package").glob(pattern):
            shutil.copy(file, core)
    return core


def closure(packages, names):
    """Return names and all that they depend on."""
    found = []
    for name in names:
        key = name.replace("_", "-")  # as the keys are written
        found += [key, *closure(packages, packages[key]["depends"])]
    return list(dict.fromkeys(found))


def fetch(requirements, folder):
    """Download pure wheels from the package index; find them by name."""
    run(
        *(BIN / "python", "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary=:all:", "--platform", "any", "--abi", "none"),
        *("--implementation", "py", "--python-version", "3.14"),
        *("--dest", folder, *requirements),
    )
    return {
        path.name.split("-")[0].lower().replace("_", "-"): path
        for path in folder.glob("*.whl")
    }


def entry(path, name, version, **more):
    """Describe a wheel beside the lock, as the lock does."""
    return {
        "name": name,
        "version": version,
        "file_name": path.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package_type": "package",
        "unvendored_tests": False,
        "depends": [],
    } | more


def lock(core, wheel):
    """Point the lock at wheels beside it, and at COMPILED for the others."""
    place = core / "pyodide-lock.json"
    content = json.loads(place.read_text())
    packages = content["packages"]
    pure = {
        name: packages[name]
        for name in closure(packages, NEEDS)
        if packages[name]["file_name"].endswith("none-any.whl")
    }
    wheels = fetch([f"{k}=={v['version']}" for k, v in pure.items()], core)
    for name, package in pure.items():
        package |= entry(
            wheels[name],
            name,
            package["version"],
            depends=package["depends"],
            imports=package["imports"],
        )
    shutil.copy(wheel, core)
    packages["pooling"] = entry(
        wheel,
        "pooling",
        wheel.name.split("-")[1],
        imports=["pooling"],
        depends=["numpy", "matplotlib"],
    )
    for package in packages.values():
        if not (core / package["file_name"]).exists():
            package["file_name"] = COMPILED + package["file_name"]
    place.write_text(json.dumps(content))


def build(site):
    """Build the site of notebooks from the lessons and the exercises."""
    book = LITE / "contents" / "book"
    leave = shutil.ignore_patterns(".*", "*.md", "_static", "*.egg-info",
                                   "pooling", "*.bib", "*.html")  # fmt: skip
    shutil.copytree(ROOT / "book", book, ignore=leave)
    (LITE / "pypi").mkdir()
    fetch(["comm==0.2.3"], LITE / "pypi")  # the kernel would ask the index
    run(
        *(BIN / "jupyter-lite", "build", "--lite-dir", LITE),
        *("--contents", LITE / "contents", "--output-dir", site / "lite"),
        *("--apps", "notebooks", "--no-unused-shared-packages"),
        "--no-sourcemaps",
        cwd=LITE,
    )


def add_buttons(site):
    """Give each notebook's page a button that opens it."""
    for page in (site / "book").rglob("*.html"):
        name = page.relative_to(site)
        notebook = name.with_suffix(".ipynb")
        text = page.read_text(encoding="utf-8")
        if (ROOT / notebook).exists() and "launch-here" not in text:
            up = "../" * (len(name.parts) - 1)
            button = (
                f'<a class="btn btn-sm" id="launch-here" href="{up}lite/'
                f'notebooks/index.html?path={notebook.as_posix()}" '
                f'title="Run this page in the browser" '
                f'aria-label="Run this page in the browser">'
                f'<i class="fas fa-rocket"></i></a>'
            )
            buttons = '<div class="article-header-buttons">'
            text = text.replace(buttons, buttons + button)
            page.write_text(text, encoding="utf-8")


def main(site=SITE):
    """Prepare, lock, build, link."""
    shutil.rmtree(site / "lite", ignore_errors=True)
    (wheel,) = site.glob("pooling-*.whl")
    lock(prepare(), wheel)
    build(site)
    add_buttons(site)


if __name__ == "__main__":
    main()
