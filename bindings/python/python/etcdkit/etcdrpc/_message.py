"""What all message classes share: defaults, presence, comparison, and the wire format.

Programs written for the gRPC client read and build protobuf messages everywhere. These classes look
the same (keyword constructors, ``HasField``, ``WhichOneof``, ``SerializeToString`` …) without the
protobuf package: a field that is not set is an empty slot, and reading it gives proto3's default.
The wire format itself is read and written by the native module.

Messages are plain data and not synchronised: do not change one in two threads at once.
"""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping
from typing import Any, ClassVar, TypeVar

from etcdkit._etcdkit import Codec

Self = TypeVar("Self", bound="Message")
FieldRow = tuple[int, str, str, bool, "str | None", "type[Message] | None"]

_SCALAR_DEFAULTS: dict[str, Any] = {
    "int32": 0,
    "int64": 0,
    "uint32": 0,
    "uint64": 0,
    "enum": 0,
    "bool": False,
    "string": "",
    "bytes": b"",
}


class EnumType:
    """An enum of the API: ``Value('NAME')`` and ``Name(number)``, as protobuf's wrapper has them."""

    __slots__ = ("_by_name", "_by_number", "name")

    def __init__(self, name: str, values: dict[str, int]) -> None:
        self.name = name
        self._by_name = values
        self._by_number = {number: key for key, number in values.items()}

    def Value(self, name: str) -> int:
        """The number of a name; ValueError for a name this enum does not have."""
        try:
            return self._by_name[name]
        except KeyError:
            raise ValueError(f"enum {self.name} has no value named {name!r}") from None

    def Name(self, number: int) -> str:
        """The name of a number; ValueError for a number this enum does not have."""
        try:
            return self._by_number[number]
        except KeyError:
            raise ValueError(f"enum {self.name} has no name for {number!r}") from None

    def keys(self) -> KeysView[str]:
        """The names, in the order of the contract."""
        return self._by_name.keys()

    def values(self) -> list[int]:
        """The numbers, in the order of the contract."""
        return list(self._by_name.values())

    def items(self) -> ItemsView[str, int]:
        """Pairs of name and number."""
        return self._by_name.items()

    def __getattr__(self, name: str) -> int:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"enum {self.name} has no value named {name!r}") from None

    def __repr__(self) -> str:
        return f"<enum {self.name}>"


class Message:
    """Base of every message. Construct with keyword arguments; set scalars by assignment."""

    __slots__ = ("_lazy",)

    _codec: ClassVar[Codec]
    _fields: ClassVar[tuple[FieldRow, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, **fields: Any) -> None:
        defaults = self._defaults
        for name, value in fields.items():
            if name not in defaults:
                raise ValueError(f"{type(self).__name__} has no field named {name!r}")
            if value is None:
                continue
            default = defaults[name]
            if default is list:
                value = list(value)
            elif isinstance(value, dict) and isinstance(default, type):
                value = default(**value)
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        try:
            default = type(self)._defaults[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no field named {name!r}") from None
        if default is list:
            value: list[Any] = []
            setattr(self, name, value)
            return value
        if isinstance(default, type):
            # Kept aside, not in the slot: looking at a message that is not there must not put it
            # there, but writing to it must.
            return self._lazy_children().setdefault(name, default())
        return default

    def _lazy_children(self) -> dict[str, Message]:
        try:
            children: dict[str, Message] = object.__getattribute__(self, "_lazy")
        except AttributeError:
            children = {}
            object.__setattr__(self, "_lazy", children)
        return children

    def _get_set(self, name: str) -> Any:
        """The value of a field if it is there, else None."""
        try:
            value = object.__getattribute__(self, name)
        except AttributeError:
            value = self._lazy_children().get(name)
            if value is None or not value.ListFields():
                return None
        return value

    def HasField(self, name: str) -> bool:
        """Whether a message field or a member of a oneof is set; ValueError for other fields."""
        for _, field, kind, repeated, oneof, _ in self._fields:
            if field == name:
                if repeated or (kind != "message" and oneof is None):
                    raise ValueError(f"field {name!r} of {type(self).__name__} has no presence")
                return self._get_set(name) is not None
            if oneof == name:
                return self.WhichOneof(name) is not None
        raise ValueError(f"{type(self).__name__} has no field named {name!r}")

    def WhichOneof(self, group: str) -> str | None:
        """The name of the member of a oneof group that is set, or None."""
        members = [row[1] for row in self._fields if row[4] == group]
        if not members:
            raise ValueError(f"{type(self).__name__} has no oneof named {group!r}")
        return next((name for name in members if self._get_set(name) is not None), None)

    def ListFields(self) -> list[tuple[str, Any]]:
        """Name and value of each field that is set, in the order of the contract."""
        found = []
        for _, name, kind, _, oneof, _ in self._fields:
            value = self._get_set(name)
            if value is None or (kind != "message" and oneof is None and not value):
                continue
            if isinstance(value, list) and not value:
                continue
            found.append((name, value))
        return found

    def ClearField(self, name: str) -> None:
        """Forgets a field, so that reading it gives its default."""
        if name not in self._defaults:
            raise ValueError(f"{type(self).__name__} has no field named {name!r}")
        self._lazy_children().pop(name, None)
        try:
            object.__delattr__(self, name)
        except AttributeError:
            return

    def Clear(self) -> None:
        """Forgets every field."""
        for name in self._defaults:
            self.ClearField(name)

    def CopyFrom(self, other: Message) -> None:
        """Becomes a deep copy of a message of the same class."""
        if type(other) is not type(self):
            raise TypeError(f"cannot copy {type(other).__name__} into {type(self).__name__}")
        data = other.SerializeToString()
        self.Clear()
        self._codec.decode_into(self, data)

    def MergeFromString(self, data: bytes) -> int:
        """Reads wire bytes on top of what is set; returns how many bytes were read."""
        self._codec.decode_into(self, data)
        return len(data)

    def ParseFromString(self, data: bytes) -> int:
        """Becomes what the wire bytes say; returns how many bytes were read."""
        self.Clear()
        return self.MergeFromString(data)

    @classmethod
    def FromString(cls: type[Self], data: bytes) -> Self:
        """A new message from wire bytes; ValueError if they are not one."""
        message: Self = cls._codec.decode(data)
        return message

    def SerializeToString(self) -> bytes:
        """The message as wire bytes; TypeError names a field with a value of the wrong type."""
        return self._codec.encode(self)

    def ByteSize(self) -> int:
        """Length of the wire bytes."""
        return len(self.SerializeToString())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.ListFields() == other.ListFields()

    # Mutable, as protobuf's messages are: not to be used as a key.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.ListFields())
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).FromString, (self.SerializeToString(),))

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        return type(self).FromString(self.SerializeToString())


class OneofMessage(Message):
    """A message with oneof groups: setting one member clears the others of its group."""

    __slots__ = ()

    _siblings: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        for sibling in self._siblings.get(name, ()):
            self.ClearField(sibling)
        object.__setattr__(self, name, value)


def _default(kind: str, repeated: bool, child: type[Message] | None) -> Any:
    if repeated:
        return list
    return child if child is not None else _SCALAR_DEFAULTS[kind]


def link(table: Mapping[type[Message], tuple[FieldRow, ...]]) -> None:
    """Gives each class its field table and codec; classes may refer to each other in circles."""
    for cls in table:
        cls._codec = Codec(cls)
    for cls, rows in table.items():
        cls._fields = rows
        cls._defaults = {name: _default(kind, rep, child) for _, name, kind, rep, _, child in rows}
        if issubclass(cls, OneofMessage):
            cls._siblings = {
                name: tuple(other[1] for other in rows if other[4] == group and other[1] != name)
                for _, name, _, _, group, _ in rows
                if group is not None
            }
        cls._codec.link(
            [
                (number, name, kind, rep, oneof is not None, child._codec if child else None)
                for number, name, kind, rep, oneof, child in rows
            ]
        )
