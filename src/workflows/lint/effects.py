"""What is known to reach outside, or to come to something else each time: functions and methods by their full names.

A module that isn't listed is taken to be harmless.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .network import STORES, module_of, talks, talks_as_object


def _of(module: str, names: str) -> Iterable[str]:
    return (f"{module}.{name}" for name in names.split())


# What makes an object without doing anything yet, and isn't called like a class.
MADE_BY = {
    "asyncio.get_event_loop": "asyncio.loop",
    "asyncio.get_running_loop": "asyncio.loop",
    "asyncpg.create_pool": "asyncpg.Pool",
    "boto3.client": "boto3.Client",
    "boto3.resource": "boto3.Client",
    "httpx.Client": "httpx.Client",
    "psycopg.connect": "psycopg.Connection",
    "redis.asyncio.from_url": "redis.asyncio.Redis",
    "redis.from_url": "redis.Redis",
    "requests.session": "requests.Session",
    "socket.socket": "socket.socket",
    "sqlalchemy.create_engine": "sqlalchemy.Engine",
    "sqlite3.connect": "sqlite3.Connection",
}

_CALLS: dict[str, frozenset[str]] = {
    "clock": frozenset(
        {
            *_of("time", "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time"),
            *_of("time", "process_time_ns thread_time localtime gmtime ctime"),
            *_of("datetime", "datetime.now datetime.utcnow datetime.today date.today"),
            *("anyio.current_time", "trio.current_time", "asyncio.loop.time", "django.utils.timezone.now"),
            *("arrow.now", "arrow.utcnow", "pendulum.now", "pendulum.today", "pandas.Timestamp.now"),
            *_of("whenever", "Instant.now ZonedDateTime.now"),
        }
    ),
    "random": frozenset({"os.urandom", "random.SystemRandom", "os.getrandom"}),
    "uuid": frozenset({*_of("uuid", "uuid1 uuid4 uuid6 uuid7"), "shortuuid.uuid", "ulid.ULID", "nanoid.generate"}),
    "network": frozenset(
        {
            *_of("anyio", "connect_tcp connect_unix getaddrinfo getnameinfo create_udp_socket"),
            *_of("anyio", "create_connected_udp_socket create_tcp_listener"),
            *_of("asyncio", "open_connection open_unix_connection start_server"),
            *_of("trio", "open_tcp_stream open_ssl_over_tcp_stream open_unix_socket serve_tcp"),
        }
    ),
    "file": frozenset(
        {
            *("builtins.open", "io.open", "anyio.open_file", "trio.open_file", "aiofiles.open", "codecs.open"),
            *_of(
                "os", "chmod chown link listdir lstat makedirs mkdir mkfifo open read readlink remove removedirs rename"
            ),
            *_of("os", "renames replace rmdir scandir stat symlink truncate unlink utime walk write"),
            *_of("os.path", "exists getatime getctime getmtime getsize isdir isfile islink lexists"),
            *_of("glob", "glob iglob"),
            *_of(
                "tempfile", "NamedTemporaryFile SpooledTemporaryFile TemporaryDirectory TemporaryFile mkdtemp mkstemp"
            ),
            *_of("anyio", "NamedTemporaryFile TemporaryDirectory TemporaryFile mkdtemp mkstemp"),
            *_of("pathlib.Path", "chmod exists glob hardlink_to is_dir is_file is_symlink iterdir lstat mkdir open"),
            *_of("pathlib.Path", "read_bytes read_text rename replace rglob rmdir samefile stat symlink_to touch"),
            *_of("pathlib.Path", "unlink walk write_bytes write_text"),
            *("zipfile.ZipFile", "tarfile.open", "gzip.open", "shelve.open"),
        }
    ),
    "process": frozenset(
        {
            *_of("os", "system popen execv execve execvp fork kill killpg posix_spawn spawnl spawnv startfile"),
            *("subprocess.Popen", "anyio.run_process", "anyio.open_process", "trio.run_process"),
            *_of("asyncio", "create_subprocess_exec create_subprocess_shell"),
            *("anyio.to_process.run_sync", "webbrowser.open"),
        }
    ),
    "input": frozenset({"builtins.input", "getpass.getpass", "sys.stdin.read", "sys.stdin.readline"}),
    "print": frozenset({"builtins.print", "sys.stdout.write", "sys.stderr.write", "pprint.pprint", "rich.print"}),
}

# Of these modules every function is one.
_MODULES = {
    "shutil": "file",
    "subprocess": "process",
    "random": "random",
    "numpy.random": "random",
    "secrets": "random",
}
_HARMLESS = frozenset(
    {
        *("shutil.which", "shutil.get_terminal_size", "shutil.ignore_patterns", "secrets.compare_digest"),
        *("subprocess.list2cmdline", "random.getstate", "numpy.random.get_state"),
    }
)
# Frameworks around language models: much of theirs is harmless, so these methods and functions alone count.
_FRAMEWORKS = (
    "haystack",
    "instructor",
    "langchain",
    "langgraph",
    "litellm",
    "llama_index",
    "pydantic_ai",
    "smolagents",
)
_ASK_A_MODEL = frozenset(
    {
        *("abatch", "achat", "acomplete", "acompletion", "aembedding", "aget_text_embedding", "ainvoke", "apredict"),
        *("aquery", "aretrieve", "arun", "astream", "astream_chat", "astream_complete", "astructured_predict", "batch"),
        *(
            "chat",
            "complete",
            "completion",
            "embedding",
            "get_text_embedding",
            "invoke",
            "predict",
            "query",
            "retrieve",
        ),
        *("run", "run_sync", "stream_chat", "stream_complete", "structured_predict"),
    }
)
_SEEDED = {"numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence", "random.Random"}
_PATHS = ("pathlib.PosixPath", "pathlib.WindowsPath", "anyio.Path", "trio.Path", "upath.UPath")


def is_path(kind: object) -> bool:
    """Whether it's the name of a class of paths."""
    return kind == "pathlib.Path" or kind in _PATHS


def is_client(kind: object) -> bool:
    """Whether it's the name of a class whose objects talk to somebody."""
    return isinstance(kind, str) and (kind.startswith(_FRAMEWORKS) or talks_as_object(kind))


def class_that_makes(full: str) -> str | None:
    """The class that a function gives an object of: its own name, or that of the class which it's a method of."""
    if full in MADE_BY or is_class_name(full):
        return MADE_BY.get(full, full)
    owner, _, last = full.rpartition(".")
    return owner if last.startswith("from_") and is_class_name(owner) else None


def is_class_name(full: str) -> bool:
    """Whether a name is written as classes are."""
    return full.rpartition(".")[2].lstrip("_")[:1].isupper()


def effect_of(full: str, call: ast.Call | None) -> str | None:
    """Tell which rule a function or a method falls under, if any.

    Args:
        full: Its full name; of a method, that of the class and its own.
        call: The call, whose arguments may make it harmless.
    """
    for name in _PATHS:
        if full.startswith(f"{name}."):
            full = "pathlib.Path" + full.removeprefix(name)
    if full in _SEEDED:
        return None if call is not None and (call.args or call.keywords) else "random"
    if full in {"time.localtime", "time.gmtime", "time.ctime"} and call is not None and call.args:
        return None
    for rule, names in _CALLS.items():
        if full in names:
            return rule
    return _effect_of_module(full)


def _effect_of_module(full: str) -> str | None:
    module = _listed_module(full)
    if full.startswith(_FRAMEWORKS):
        return "network" if full.rpartition(".")[2] in _ASK_A_MODEL else None
    if full in MADE_BY or is_class_name(full):
        return None
    if talks(full):
        return "file" if module_of(full) in STORES else "network"
    if module is None or full in _HARMLESS:
        return None
    if module in ("random", "numpy.random") and full.count(".") > module.count(".") + 1:
        return None  # a method of a generator: it was made somewhere, and that's where it's judged
    return _MODULES[module]


def _listed_module(full: str) -> str | None:
    parts = full.split(".")
    names = (".".join(parts[:length]) for length in (1, 2))
    return next((name for name in names if name in _MODULES and name != full), None)
