"""Generates ``etcdkit/etcdrpc/_messages.py`` from the wire contract in ``proto/wire``.

The message classes of Python users follow the same ``.proto`` files as the server and the core, so
they are generated, committed, and checked for drift by ``tests/test_messages.py``.

Usage: ``python tools/generate_messages.py`` writes the file, ``--check`` fails if it would change.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIRE = HERE.parents[2] / "proto" / "wire"
TARGET = HERE.parent / "python" / "etcdkit" / "etcdrpc" / "_messages.py"
PACKAGES = (
    "mvccpb/kv.proto",
    "authpb/auth.proto",
    "etcdserverpb/rpc.proto",
    "v3lockpb/v3lock.proto",
    "v3electionpb/v3election.proto",
)

PYTHON_TYPES = {
    "int32": "int",
    "int64": "int",
    "uint32": "int",
    "uint64": "int",
    "bool": "bool",
    "string": "str",
    "bytes": "bytes",
}
LINE_LIMIT = 100


@dataclass
class Field:
    number: int
    name: str
    type: str
    repeated: bool
    oneof: str | None
    doc: str


@dataclass
class Enum:
    name: str
    doc: str
    values: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass
class Message:
    name: str
    doc: str
    fields: list[Field] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)


class Parser:
    """Reads the subset of proto3 that the contract uses: messages, enums, oneofs, plain fields."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.enums: list[Enum] = []

    def read(self, text: str) -> None:
        doc: list[str] = []
        stack: list[object] = []
        for raw in text.splitlines():
            line = raw.strip()
            if line.startswith("//"):
                doc.append(line.removeprefix("//").strip())
                continue
            line, _, trailing = line.partition("//")
            line = line.strip()
            if line == "" or line.startswith(("syntax", "package", "import", "option", "rpc")):
                doc = []
                continue
            self.statement(line, " ".join(doc) or trailing.strip(), stack)
            doc = []

    def statement(self, line: str, doc: str, stack: list[object]) -> None:
        opened = re.fullmatch(r"(message|enum|oneof|service) (\w+) \{(\})?", line)
        if opened:
            node = self.open(opened[1], opened[2], doc, stack)
            if not opened[3]:
                stack.append(node)
            return
        if line == "}":
            stack.pop()
            return
        top = stack[-1]
        if isinstance(top, Enum):
            value = re.fullmatch(r"(\w+) = (\d+);", line)
            assert value, f"not an enum value: {line}"
            top.values.append((value[1], int(value[2]), doc))
            return
        parsed = re.fullmatch(r"(repeated )?([\w.]+) (\w+) = (\d+);", line)
        assert parsed, f"not a field: {line}"
        oneof = top if isinstance(top, str) else None
        message = next(node for node in reversed(stack) if isinstance(node, Message))
        type_name = parsed[2].rsplit(".", 1)[-1]
        message.fields.append(
            Field(int(parsed[4]), parsed[3], type_name, bool(parsed[1]), oneof, doc)
        )

    def open(self, kind: str, name: str, doc: str, stack: list[object]) -> object:
        if kind == "message":
            message = Message(name, doc)
            self.messages.append(message)
            return message
        if kind == "enum":
            enum = Enum(name, doc)
            outer = stack[-1] if stack else None
            (outer.enums if isinstance(outer, Message) else self.enums).append(enum)
            return enum
        return name if kind == "oneof" else None


def wrap(text: str, indent: str) -> list[str]:
    lines, line = [], indent
    for word in text.split():
        if len(line) + 1 + len(word) > LINE_LIMIT - 4 and line.strip():
            lines.append(line)
            line = indent
        line = f"{line} {word}" if line.strip() else indent + word
    return [*lines, line] if line.strip() else lines


def enum_lines(enum: Enum, indent: str) -> list[str]:
    values = ", ".join(f'"{name}": {number}' for name, number, _ in enum.values)
    lines = [f'{indent}{enum.name} = EnumType("{enum.name}", {{{values}}})']
    if len(lines[0]) > LINE_LIMIT:
        lines = [f"{indent}{enum.name} = EnumType("]
        lines += [f'{indent}    "{enum.name}",', f"{indent}    {{"]
        lines += [f'{indent}        "{name}": {number},' for name, number, _ in enum.values]
        lines += [f"{indent}    }},", f"{indent})"]
    for name, number, doc in enum.values:
        lines.append(f"{indent}{name} = {number}" + (f"  # {doc}" if len(doc) < 70 and doc else ""))
    return lines


def message_lines(message: Message, enum_names: set[str]) -> list[str]:
    base = "OneofMessage" if any(item.oneof for item in message.fields) else "Message"
    lines = [f"class {message.name}({base}):"]
    summary = wrap(message.doc or f"The {message.name} message of the etcd API.", "    ")
    summary[0] = '    """' + summary[0].strip()
    documented = [item for item in message.fields if item.doc]
    if documented:
        lines += [*summary, "", "    Fields:"]
        for item in documented:
            lines += [f"        {item.name}:", *wrap(item.doc, " " * 12)]
        lines.append('    """')
    else:
        summary[-1] += '"""'
        lines += summary
    slots = "".join(f'"{item.name}", ' for item in message.fields).rstrip()
    slots = f"    __slots__ = ({slots})"
    if len(slots) > LINE_LIMIT:
        names = "".join(f'        "{item.name}",\n' for item in message.fields)
        slots = f"    __slots__ = (\n{names}    )"
    lines += ["", slots, ""]
    for enum in message.enums:
        lines += [*enum_lines(enum, "    "), ""]
    local = {enum.name for enum in message.enums}
    for item in message.fields:
        is_enum = item.type in enum_names or item.type in local
        kind = PYTHON_TYPES.get(item.type, "int" if is_enum else item.type)
        lines.append(f"    {item.name}: {f'list[{kind}]' if item.repeated else kind}")
    while lines[-1] == "":
        lines.pop()
    return lines


def table_lines(message: Message, enum_names: set[str]) -> list[str]:
    local = {enum.name for enum in message.enums}
    lines = [f"    {message.name}: ("]
    for item in message.fields:
        child = "None"
        kind = item.type
        if kind not in PYTHON_TYPES:
            is_enum = kind in enum_names or kind in local
            kind, child = ("enum", "None") if is_enum else ("message", kind)
        oneof = f'"{item.oneof}"' if item.oneof else "None"
        lines.append(
            f'        ({item.number}, "{item.name}", "{kind}", {item.repeated}, {oneof}, {child}),'
        )
    if not message.fields:
        return [f"    {message.name}: (),"]
    return [*lines, "    ),"]


def generate() -> str:
    parser = Parser()
    for package in PACKAGES:
        parser.read((WIRE / package).read_text(encoding="utf-8"))
    enum_names = {enum.name for enum in parser.enums}
    public = [message.name for message in parser.messages]
    for enum in parser.enums:
        public += [enum.name, *(name for name, _, _ in enum.values)]
    out = [
        '"""The messages of the etcd API as plain Python classes.',
        "",
        "Generated by tools/generate_messages.py from proto/wire: do not edit.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from etcdkit.etcdrpc._message import EnumType, FieldRow, Message, OneofMessage, link",
        "",
        "__all__ = (",
        *(f'    "{name}",' for name in sorted(public)),
        ")",
        "",
    ]
    for enum in parser.enums:
        out += [*enum_lines(enum, ""), ""]
    for message in parser.messages:
        out += ["", *message_lines(message, enum_names), ""]
    out += [
        "",
        "# Per message: (field number, name, wire kind, repeated, oneof group, message class).",
        "_TABLE: dict[type[Message], tuple[FieldRow, ...]] = {",
    ]
    for message in parser.messages:
        out += table_lines(message, enum_names)
    out += ["}", "", "link(_TABLE)"]
    return "\n".join(out) + "\n"


def main() -> int:
    text = generate()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET.name} is not what {Path(__file__).name} makes of proto/wire: run it")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
