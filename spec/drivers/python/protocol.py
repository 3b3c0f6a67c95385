"""What both Python drivers share: lines of spec/PROTOCOL.md to arguments, results to lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from etcdkit import transactions, utils

SORT_ORDERS = {"asc": "ascend", "desc": "descend"}


class Line:
    """A request: id, verb, fields. Bytes are hex."""

    def __init__(self, text: str) -> None:
        number, self.verb, *words = text.split()
        self.id = int(number)
        self.fields = [tuple(word.partition("=")[::2]) for word in words]
        self._by_name = dict(reversed(self.fields))

    def has(self, name: str) -> bool:
        return name in self._by_name

    def text(self, name: str) -> str:
        return self._by_name[name]

    def get(self, name: str) -> str | None:
        return self._by_name.get(name)

    def data(self, name: str) -> bytes:
        return bytes.fromhex(self._by_name.get(name, ""))

    def number(self, name: str, default: int | None = None) -> int | None:
        return int(self._by_name[name]) if name in self._by_name else default


def seconds(line: Line, name: str) -> float | None:
    """A time of the protocol, which is in milliseconds."""
    limit = line.number(name)
    return None if limit is None else limit / 1000


def credentials(line: Line) -> dict[str, str]:
    """What the client of an ``open`` logs in with; nothing where it does not."""
    return {name: line.text(name) for name in ("user", "password") if line.has(name)}


def administration(line: Line, client: Any) -> Any:
    """The call of an ``auth`` line; its result is awaitable where the client's are."""
    user, password, role = (line.get(name) for name in ("user", "password", "role"))
    key, end = line.data("key"), line.data("end") or None
    calls: dict[str, Callable[[], Any]] = {
        "user_add": lambda: client.user_add(user, password),
        "user_delete": lambda: client.user_delete(user),
        "user_password": lambda: client.user_change_password(user, password),
        "user_grant": lambda: client.user_grant_role(user, role),
        "user_revoke": lambda: client.user_revoke_role(user, role),
        "user_get": lambda: client.user_roles(user),
        "users": client.users,
        "role_add": lambda: client.role_add(role),
        "role_delete": lambda: client.role_delete(role),
        "role_grant": lambda: client.role_grant_permission(role, key, line.get("right"), end),
        "role_revoke": lambda: client.role_revoke_permission(role, key, end),
        "role_get": lambda: client.role_permissions(role),
        "roles": client.roles,
        "enable": client.auth_enable,
        "disable": client.auth_disable,
    }
    return calls[line.text("do")]()


def administration_parts(line: Line, told: Any) -> list[str]:
    """What an ``auth`` line answers."""
    fields = {"users": ".user", "user_get": ".role", "roles": ".role", "role_get": ".right"}
    field = fields.get(line.text("do"))
    if field is None:
        return []
    if field == ".right":
        told = [f"{right}:{key.hex()}:{end.hex()}" for right, key, end in told]
    return [f"count={len(told)}", *(f"{field}={name}" for name in told)]


class Unsupported(Exception):
    """The SDK's public API has no way to say it."""


def ok(line: Line, *parts: str) -> str:
    return " ".join([f"{line.id} ok", *parts])


def failure(line: Line, error: Exception) -> str:
    if isinstance(error, Unsupported):
        return f"{line.id} unsupported"
    code = getattr(error, "code", None)
    name = code().name if callable(code) else "Driver"
    message = error.details() if hasattr(error, "details") else f"{type(error).__name__}: {error}"
    return f"{line.id} err code={name} msg={message.encode().hex()}"


def pair(kv: Any) -> str:
    """A KeyValue message."""
    create, modified = kv.create_revision, kv.mod_revision
    return f"{kv.key.hex()}:{kv.value.hex()}:{create}:{modified}:{kv.version}:{kv.lease}"


def range_parts(response: Any) -> list[str]:
    parts = [f"rev={response.header.revision}", f"count={response.count}"]
    parts.append(f"more={int(response.more)}")
    return parts + [f"kv={pair(kv)}" for kv in response.kvs]


def put_parts(response: Any) -> list[str]:
    parts = [f"rev={response.header.revision}"]
    return parts + ([f"kv={pair(response.prev_kv)}"] if response.HasField("prev_kv") else [])


def delete_parts(response: Any) -> list[str]:
    parts = [f"rev={response.header.revision}", f"deleted={response.deleted}"]
    return parts + [f"kv={pair(kv)}" for kv in response.prev_kvs]


def range_options(line: Line) -> dict[str, Any]:
    names = {
        "limit": "limit",
        "rev": "revision",
        "min_mod": "min_mod_revision",
        "max_mod": "max_mod_revision",
        "min_create": "min_create_revision",
        "max_create": "max_create_revision",
    }
    options: dict[str, Any] = {
        ours: line.number(theirs) for theirs, ours in names.items() if line.has(theirs)
    }
    options.update({flag: True for flag in ("serializable", "keys_only", "count_only") if line.has(flag)})
    if line.has("order"):
        options["sort_order"] = SORT_ORDERS[line.text("order")]
    if line.has("target"):
        options["sort_target"] = line.text("target")
    if line.has("end"):
        options["range_end"] = line.data("end")
    return options


def watch_options(line: Line, create_request: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if line.has("end"):
        options["range_end"] = line.data("end")
    if line.has("from"):
        options["start_revision"] = line.number("from")
    if line.has("prev"):
        options["prev_kv"] = True
    filters = [name.upper() for name in ("noput", "nodelete") if line.has(name)]
    if filters:
        options["filters"] = [create_request.FilterType.Value(name) for name in filters]
    return options


def is_prefix(line: Line) -> bool:
    return line.data("end") == utils.prefix_range_end(line.data("key"))


def event_lines(call: int, batch: int, response: Any) -> list[str]:
    lines = []
    for event in response.events:
        kind = type(event).__name__.removesuffix("Event").upper()
        message = event._event
        text = f"{call} event rev={response.header.revision} batch={batch} type={kind}"
        text += f" kv={pair(message.kv)}"
        if message.HasField("prev_kv"):
            text += f" prev={pair(message.prev_kv)}"
        lines.append(text)
    return lines


# ---- Transactions ------------------------------------------------------------------------------


def transaction(line: Line) -> tuple[list[Any], list[Any], list[Any]]:
    """Compares, success and failure as the SDK's objects."""
    tokens = iter([field for field in line.fields if field[0] != "client"])
    return _branches(tokens)


def _branches(tokens: Any) -> tuple[list[Any], list[Any], list[Any]]:
    compares: list[Any] = []
    branches: dict[str, list[Any]] = {"then": [], "else": []}
    branch = "then"
    for name, value in tokens:
        if name in branches:
            branch = name
        elif name == "if":
            compares.append(_compare(value))
        elif name == "end":
            break
        elif name == "begin":
            branches[branch].append(transactions.Txn(*_branches(tokens)))
        else:
            branches[branch].append(_operation(name, value))
    return compares, branches["then"], branches["else"]


def _compare(text: str) -> Any:
    target, op, key, end, operand = text.split(":")
    kinds = {
        "value": transactions.Value,
        "version": transactions.Version,
        "create": transactions.Create,
        "mod": transactions.Mod,
        "lease": transactions.Lease,
    }
    left = kinds[target](bytes.fromhex(key), bytes.fromhex(end) or None)
    right = bytes.fromhex(operand) if target == "value" else int(operand)
    if op == "eq":
        return left == right
    if op == "ne":
        return left != right
    return left < right if op == "lt" else left > right


def _operation(name: str, text: str) -> Any:
    parts = text.split(":")
    if name == "put":
        key, value, lease, flags = parts
        if flags.strip("p"):
            raise Unsupported
        data = bytes.fromhex(value)
        return transactions.Put(bytes.fromhex(key), data, int(lease) or None, "p" in flags)
    if name == "get":
        key, end, limit, revision, flags = parts
        if flags or int(limit) or int(revision):
            raise Unsupported
        return transactions.Get(bytes.fromhex(key), bytes.fromhex(end) or None)
    if name == "del":
        key, end, flags = parts
        return transactions.Delete(bytes.fromhex(key), bytes.fromhex(end) or None, "p" in flags)
    raise Unsupported


def transaction_parts(succeeded: bool, responses: list[Any]) -> list[str]:
    """The API tells no revision of the transaction as a whole."""
    parts = ["untold=rev", f"succeeded={int(succeeded)}"]
    for response in responses:
        if isinstance(response, list):
            parts.append(f"r=get:{len(response)}:0")
            parts += [f"kv={_pair_of(value, meta)}" for value, meta in response]
        else:
            parts += _raw_response(response)
    return parts


def _pair_of(value: bytes, meta: Any) -> str:
    create, modified = meta.create_revision, meta.mod_revision
    return f"{meta.key.hex()}:{value.hex()}:{create}:{modified}:{meta.version}:{meta.lease_id}"


def _raw_response(response: Any) -> list[str]:
    kind = response.WhichOneof("response")
    inner = getattr(response, kind)
    if kind == "response_put":
        return ["r=put"] + put_parts(inner)[1:]
    if kind == "response_range":
        return [f"r=get:{inner.count}:{int(inner.more)}"] + [f"kv={pair(kv)}" for kv in inner.kvs]
    if kind == "response_delete_range":
        return [f"r=del:{inner.deleted}"] + delete_parts(inner)[2:]
    parts = [f"r=txn:{int(inner.succeeded)}"]
    for nested in inner.responses:
        parts += _raw_response(nested)
    return [*parts, "r=end"]


def leader_parts(election: Any) -> list[str]:
    """A won campaign."""
    return [f"create={election.fencing_token}", f"lease={election.lease_id}", "untold=key", "untold=rev"]


LOCK_PREFIX = "/locks/"


def lock_name(line: Line) -> str:
    """The SDK puts its own prefix before the name."""
    return line.data("name").decode().removeprefix(LOCK_PREFIX)
