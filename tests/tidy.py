"""What test_tidy.py measures: the project's own sources, their functions, names, comments and imports."""

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Generated, or as others published it.
FOREIGN = ("generated/", "third_party/", "LICENSE")
FORBIDDEN_WORDS = frozenset({"manager", "helper", "helpers", "util", "utils", "base", "common", "misc", "data", "handle"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line and text of each comment."""
        tokens = tokenize.generate_tokens(StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    def imported(self) -> Iterator[str]:
        """Dotted names of what is imported; `from a import b` is a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def called(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of each attribute or name that is read: `time.time`, `os.environ`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                yield node.lineno, ast.unparse(node)


def tracked() -> list[str]:
    """Paths of the project's own files: those that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  git as the developer's path has it
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(path for path in set(listed.stdout.split("\0")) if path and not path.startswith(FOREIGN) and (ROOT / path).is_file())


def sources(paths: list[str]) -> list[Source]:
    """The Python files among the paths."""
    return [Source(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths if path.endswith(".py")]


def texts(paths: list[str]) -> Iterator[tuple[str, str]]:
    """Path and text of each file that is text."""
    for path in paths:
        body = (ROOT / path).read_bytes()
        if b"\0" not in body:
            yield path, body.decode("utf-8")


def length(function: Function) -> int:
    """Lines from `def` to the end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> list[str]:
    """Names of the parameters, without self and cls."""
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def forbidden_names(source: Source) -> Iterator[str]:
    """Modules, classes and functions with a word that says nothing in them; parameters and variables that are one.

    A test's name is a sentence, and free.
    """
    stem = Path(source.path).stem
    if words(stem) & FORBIDDEN_WORDS:
        yield source.path
    for node in ast.walk(source.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                continue
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) if words(name) & FORBIDDEN_WORDS:
                yield f"{source.path}:{node.lineno} {name}"
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) if name.lower() in FORBIDDEN_WORDS:
                yield f"{source.path}:{node.lineno} {name}"


def broad_excepts(source: Source) -> Iterator[str]:
    """Each `except` that catches what it does not name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if not caught or {"Exception", "BaseException"} & set(re.findall(r"\w+", caught)):
                yield f"{source.path}:{node.lineno}"
