"""Plain data between two processes, of which one is not trusted.

A message is JSON and the bytes of its arrays. Only numbers, texts, containers
and numpy arrays of numbers cross; what else there is (a function, an object)
crosses as a reference: it stays where it is and can be called from afar.
"""

import json
import re
import socket
import struct
import time

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

MOST = 1 << 26  # bytes of a message
MOST_SEEN = 1 << 28  # bytes of an array as it looks, many of them the same
PLAIN = re.compile(r"[<>|=]?[biufcmMSU]\d*(\[\w+\])?")
LENGTHS = struct.Struct("!II")


class Refused(Exception):
    """What came over the wire is not plain data, or there is too much."""

BUSY = 50  # so many times longer may all take on a busy machine


class Patience:
    """How long an answer may take: longer where others keep the machine busy.

    Parameters
    ----------
    seconds : float
    use : callable
        () -> how long the other side has waited for a processor, and how
        long it had one. The first does not count as far as it was others
        who had it.
    """

    def __init__(self, seconds, use=lambda: (0, 0)):
        self.seconds, self.use = seconds, use
        self.before, self.given = use(), 0
        self.began = time.monotonic()

    def left(self):
        """Return how many seconds are left."""
        if self.seconds <= self.spent():
            waited, ran = (
                now - then
                for now, then in zip(self.use(), self.before, strict=True)
            )
            others = min(waited, self.spent() + self.given - ran)
            most = BUSY * self.seconds
            self.given = min(max(self.given, others), most)
        return self.seconds - self.spent()

    def spent(self):
        """Return how many seconds have been used."""
        return time.monotonic() - self.began - self.given


class Line:
    """One end of a socket that carries messages.

    Parameters
    ----------
    end : socket.socket
    """

    def __init__(self, end):
        self.end = end

    def send(self, message, blobs=()):
        """Send a message of plain JSON and blobs of bytes."""
        text = json.dumps([message, [len(b) for b in blobs]]).encode()
        total = sum(map(len, blobs))
        if len(text) + total > MOST:
            raise Refused(f"a message of {len(text) + total} bytes, too long")
        self.end.settimeout(60)
        self.end.sendall(LENGTHS.pack(len(text), total) + text)
        for blob in blobs:
            self.end.sendall(blob)

    def receive(self, seconds=None):
        """Return the next message and its blobs; None: wait for it forever.

        A `Patience` may stand for the seconds.

        Raises
        ------
        TimeoutError
            If it is not there after that many seconds.
        EOFError
            If the other side has gone.
        Refused
            If it is not a message.
        """
        if isinstance(seconds, int | float):
            seconds = Patience(seconds)
        text, total = LENGTHS.unpack(self.read(LENGTHS.size, seconds))
        if text + total > MOST:
            raise Refused(f"a message of {text + total} bytes, too long")
        text = self.read(text, seconds)
        data = memoryview(self.read(total, seconds))
        try:
            message, lengths = json.loads(text)
            if any(n < 0 for n in lengths) or sum(lengths) != total:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise Refused("not a message") from None
        blobs = []
        for length in lengths:
            blobs.append(data[:length])
            data = data[length:]
        return message, blobs

    def read(self, size, patience):
        """Return that many bytes."""
        data = bytearray()
        while len(data) < size:
            left = patience and patience.left()
            if left is not None and left <= 0:
                raise TimeoutError
            self.end.settimeout(left)
            try:
                more = self.end.recv(min(size - len(data), 1 << 20))
            except TimeoutError:
                continue
            except ConnectionError:
                more = b""
            if not more:
                raise EOFError
            data += more
        return data

    def send_end(self, other):
        """Hand the end of another socket to the other side."""
        socket.send_fds(self.end, [b"+"], [other.fileno()])

    def receive_end(self):
        """Take the end of another socket."""
        self.end.settimeout(60)
        _, [fd], _, _ = socket.recv_fds(self.end, 1, 1)
        return socket.socket(fileno=fd)

    def close(self):
        """Close the socket."""
        self.end.close()


def memory(array):
    """Return the bytes between an array's first and last, as flat uint8."""
    low, high = byte_bounds(array)
    ahead = tuple(
        slice(None, None, -1 if step < 0 else 1) for step in array.strides
    )
    first = array[ahead][(slice(0, 1),) * array.ndim]
    flat = first.reshape(1).view(np.uint8)
    return as_strided(
        flat, (high - low,), (1,), writeable=array.flags.writeable
    )


class Packer:
    """Turn values into a message, and back.

    Parameters
    ----------
    keep : callable
        object -> number; keeps what cannot cross.
    remote : callable
        (number, type name, text, callable or not) -> what stands for an
        object of the other side; by default there are none.
    growing : bool
        True for the arguments of a call: both sides list their arrays, so
        that the result can be one of them, or a view of one.
    """

    def __init__(self, keep, remote=None, growing=False):
        self.keep, self.remote, self.growing = keep, remote, growing
        self.arrays = []  # that crossed with the arguments of a call
        self.blobs = []

    def pack(self, value):
        """Return plain JSON for a value; bytes go to `self.blobs`."""
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if isinstance(value, str):
            return str.__str__(value)
        if kind is int or (isinstance(value, int) and kind is not bool):
            return ["int", hex(int(value))]
        if isinstance(value, np.generic) and value.dtype.kind not in "OV":
            data = np.asarray(value).tobytes()
            return ["scalar", value.dtype.str, self.blob(data)]
        if isinstance(value, float):
            return ["float", float(value).hex()]
        if isinstance(value, complex):
            return ["complex", value.real.hex(), value.imag.hex()]
        if isinstance(value, (bytes, bytearray)):
            return ["bytes", self.blob(bytes(value))]
        if isinstance(value, np.ndarray):
            return self.pack_array(np.asarray(value))
        if isinstance(value, (tuple, list, set, frozenset)):
            name = next(
                t.__name__
                for t in (tuple, list, set, frozenset)
                if isinstance(value, t)
            )
            return [name, [self.pack(v) for v in value]]
        if isinstance(value, dict):
            pairs = [[self.pack(k), self.pack(v)] for k, v in value.items()]
            return ["dict", pairs]
        if isinstance(value, (slice, range)):
            parts = value.start, value.stop, value.step
            return [kind.__name__, [self.pack(v) for v in parts]]
        if value is Ellipsis:
            return ["..."]
        if isinstance(value, np.dtype) and PLAIN.fullmatch(value.str):
            return ["dtype", value.str]
        if isinstance(value, type) and issubclass(value, np.generic):
            return ["numpy", value.__name__]
        if value in (bool, int, float, complex, str, bytes, tuple, list):
            return ["builtin", value.__name__]
        text = f"{kind.__name__} object"
        name = getattr(value, "__name__", "")
        if isinstance(name, str) and name:
            text = f"{kind.__name__} {name}"
        number = self.keep(value)
        return ["object", number, kind.__name__, text, callable(value)]

    def blob(self, data):
        """Add bytes to the message; return their number."""
        self.blobs.append(data)
        return len(self.blobs) - 1

    def pack_array(self, array):
        """Return plain JSON for an array: its memory, shape and strides."""
        for k, known in enumerate(self.arrays):
            if known is array:
                return ["same", k]
        if array.dtype.kind not in "biufcmMSU":
            if array.dtype.kind != "O" or array.size > 1 << 16:
                raise Refused(f"an array of dtype {str(array.dtype)[:40]}")
            items = [self.pack(v) for v in array.ravel().tolist()]
            return ["objects", list(array.shape), items]
        form = [
            array.dtype.str,
            list(array.shape),
            list(array.strides),
            bool(array.flags.writeable),
        ]
        if array.size == 0:
            form[2] = None
            return ["array", self.blob(b""), 0, *form]
        low, high = byte_bounds(array)
        start = array.__array_interface__["data"][0]
        for k, known in enumerate(self.arrays):
            begin, end = byte_bounds(known)
            if begin <= low and high <= end:
                return ["view", k, start - begin, *form]
        if self.growing:
            self.arrays.append(array)
        elif high - low > 2 * array.nbytes + 4096:  # mostly gaps
            array = array.copy()
            form[2] = list(array.strides)
            low, start = 0, 0
        data = memory(array).tobytes()
        return ["array", self.blob(data), start - low, *form]

    def unpack(self, form, blobs):
        """Return the value; raise Refused for what is no plain data."""
        try:
            return self.unpacked(form, blobs)
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            OverflowError,
            AttributeError,
            RecursionError,
        ) as error:
            raise Refused(f"not plain data ({type(error).__name__})") from None

    def unpacked(self, form, blobs):
        """Return the value of a form that may be anything."""
        if form is None or isinstance(form, (bool, str)):
            return form
        if not isinstance(form, list):
            raise TypeError
        kind, *rest = form

        def each(parts):
            return [self.unpacked(part, blobs) for part in parts]

        if kind == "int":
            if len(rest[0]) > 10_000:
                raise Refused("a number that is too long")
            return int(rest[0], 16)
        if kind == "float":
            return float.fromhex(rest[0])
        if kind == "complex":
            return complex(*map(float.fromhex, rest))
        if kind == "scalar":
            [value] = np.frombuffer(blobs[rest[1]], plain_dtype(rest[0]))
            return value
        if kind == "bytes":
            return bytes(blobs[rest[0]])
        if kind in ("tuple", "list", "set", "frozenset"):
            build = {"tuple": tuple, "list": list, "set": set}
            return build.get(kind, frozenset)(each(rest[0]))
        if kind == "dict":
            return {k: v for k, v in map(each, rest[0])}
        if kind in ("slice", "range"):
            value = {"slice": slice, "range": range}[kind](*each(rest[0]))
            if kind == "range" and len(value) > 1 << 20:
                raise Refused("a range that is too long")
            return value
        if kind == "...":
            return Ellipsis
        if kind == "dtype":
            return plain_dtype(rest[0])
        if kind == "numpy":
            return np.sctypeDict[rest[0]]
        if kind == "builtin":
            some = (bool, int, float, complex, str, bytes, tuple, list)
            return {t.__name__: t for t in some}[rest[0]]
        if kind == "same":
            return self.arrays[index(rest[0])]
        if kind == "objects":
            array = np.empty(shape_of(rest[0], 8), object)
            values = each(rest[1])
            if len(values) != array.size:
                raise ValueError
            for place, value in zip(
                np.ndindex(array.shape), values, strict=True
            ):
                array[place] = value
            return array
        if kind == "array":
            array = build_array(bytearray(blobs[index(rest[0])]), *rest[1:])
            if self.growing and array.size:
                self.arrays.append(array)
            return array
        if kind == "view":
            return build_array(memory(self.arrays[index(rest[0])]), *rest[1:])
        if kind == "object" and self.remote:
            number, name, text, can_call = rest
            texts = isinstance(name, str) and isinstance(text, str)
            if not texts or not isinstance(can_call, bool):
                raise TypeError
            return self.remote(index(number), name[:60], text[:200], can_call)
        raise TypeError


def index(number):
    """Return a number that is 0 or more."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError
    return number


def plain_dtype(text):
    """Return a dtype of numbers or texts."""
    if not PLAIN.fullmatch(text):
        raise ValueError
    return np.dtype(text)


def shape_of(shape, itemsize):
    """Return a shape that is not too large to look at."""
    shape = tuple(index(n) for n in shape)
    size = itemsize
    for n in shape:
        size *= n
    if size > MOST_SEEN:
        raise Refused(f"an array of shape {shape}, too large")
    return shape


def build_array(data, start, dtype, shape, strides, writeable):
    """Return an array that lies in some bytes; numpy checks the limits."""
    dtype = plain_dtype(dtype)
    shape = shape_of(shape, dtype.itemsize)
    if strides is None:
        array = np.empty(shape, dtype)
    else:
        array = np.ndarray(shape, dtype, data, index(start), tuple(strides))
    if not writeable:
        array.flags.writeable = False
    return array
