"""Which functions and classes of libraries talk to somebody else: the others of their modules are harmless.

`httpx.get` talks, and so do the methods of an `httpx.Client`; `httpx.URL` and what it gives are values.
"""

from __future__ import annotations

CLIENTS = frozenset(
    {
        *("aiohttp", "aiomysql", "aiosmtplib", "anthropic", "asyncpg", "boto3", "confluent_kafka", "ftplib"),
        *("google.generativeai", "grpc", "http.client", "httpx", "imaplib", "mistralai", "motor", "nats"),
        *("ollama", "openai", "paramiko", "pika", "poplib", "psycopg", "psycopg2", "pymongo", "pymysql", "redis"),
        *("requests", "smtplib", "socket", "sqlalchemy", "stripe", "twilio", "urllib.request", "urllib3"),
        *("websockets", "xmlrpc.client"),
    }
)
"""The modules, with all that lies in them."""
STORES = frozenset({"aiosqlite", "sqlite3"})
"""Those that talk to a file in the same way."""

# How the classes are called whose objects talk; the others, such as answers, addresses and settings, are values.
_TALKING_CLASSES = (
    *("Anthropic", "AnthropicBedrock", "AnthropicVertex", "Client", "Cluster", "Collection", "Connection", "Consumer"),
    *("Cursor", "Database", "Engine", "FTP", "FTP_TLS", "GenerativeModel", "IMAP4", "IMAP4_SSL", "LMTP", "Mistral"),
    *("OpenAI", "POP3", "POP3_SSL", "Pool", "PoolManager", "Producer", "ProxyManager", "Redis", "SMTP", "SMTP_SSL"),
    *("Sentinel", "ServerProxy", "Session", "Transport", "socket"),
)
_TALKING_FUNCTIONS = frozenset(
    {
        *("connect", "create", "create_connection", "create_server", "delete", "get", "head", "options", "patch"),
        *("post", "put", "request", "send", "serve", "stream", "unix_connect", "unix_serve", "urlopen", "urlretrieve"),
        *("getaddrinfo", "getfqdn", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo"),
        *("chat", "copy", "embed", "embed_content", "embeddings", "generate", "list", "parse", "pull", "push", "show"),
        *("execute_batch", "execute_values", "inspect", "list_models", "upload_file"),
    }
)
# What objects of `stripe` do is done by their classes.
_TALKING_CLASS_METHODS = frozenset(
    {
        *("attach", "cancel", "capture", "confirm", "create", "delete", "detach", "finalize_invoice", "list", "modify"),
        *("pay", "refund", "retrieve", "search", "send_invoice", "upcoming", "void_invoice"),
    }
)
_NOT_TALKING = frozenset(
    {
        *("errors", "exceptions", "orm", "sql", "status_codes", "structures", "twiml", "types", "util", "utils", "web"),
    }
)
"""Parts of such modules in which nothing talks."""
_TALKING_PARTS = frozenset({"orm.Session", "orm.scoped_session", "web.ClientSession"})

HANDLES = frozenset({"cursor", "get_collection", "get_database", "pipeline", "with_options", "with_raw_response"})
"""Methods of such objects that give one which talks as they do, and don't talk themselves."""
VALUES = frozenset(
    {
        *("auth", "base_url", "cookies", "event_hooks", "headers", "hooks", "params", "proxies", "timeout", "url"),
    }
)
"""Attributes of such objects that are values."""
_SILENT = frozenset(
    {
        *("aclose", "build_request", "close", "gethostname", "json", "mount", "raise_for_status", "register_script"),
        *("set_client", "setblocking", "setsockopt", "settimeout"),
        *("add", "add_all", "expunge", "expunge_all"),
    }
)


def module_of(full: str) -> str | None:
    """The module of such a library in which a name lies."""
    parts = full.split(".")
    names = (".".join(parts[:length]) for length in (1, 2))
    return next((name for name in names if name in CLIENTS | STORES and name != full), None)


def talks_as_object(kind: str) -> bool:
    """Whether the objects of a class talk."""
    module, last = module_of(kind), kind.rpartition(".")[2]
    return module is not None and last.endswith(_TALKING_CLASSES) and not _is_apart(kind, module)


def talks(full: str) -> bool:
    """Whether a function does, or a method, by its full name."""
    owner, _, last = full.rpartition(".")
    module = module_of(full)
    if module is None or last in HANDLES or _is_silent(module, last):
        return False
    if talks_as_object(owner):
        return True
    if module == "stripe":
        return last in _TALKING_CLASS_METHODS
    if module in ("grpc", "sqlalchemy") and last != "inspect":
        return False  # what they make talks
    is_method = any(part[:1].isupper() for part in owner.removeprefix(module).split("."))
    return last in _TALKING_FUNCTIONS and not is_method and not _is_apart(full, module)


def _is_silent(module: str, last: str) -> bool:
    return last in _SILENT and (last not in ("add", "add_all", "expunge", "expunge_all") or module == "sqlalchemy")


def _is_apart(full: str, module: str) -> bool:
    parts = full.removeprefix(f"{module}.").split(".")
    return bool(_NOT_TALKING & {*parts[:-1]}) and ".".join(parts[-2:]) not in _TALKING_PARTS
