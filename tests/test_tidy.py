"""The style of the tree, as a ratchet: an allow-list below only shrinks."""

import ast
import re
from collections.abc import Callable, Iterable

import pytest

from tests import tidy
from tests.tidy import Source

FUNCTION_LINES_MAX = 40
FILE_LINES_MAX = 400
PARAMETERS_MAX = 6
COMMENT_SHARE_MAX = 0.06

# The outermost stage, which turns what nobody foresaw into INTERNAL.
BROAD_EXCEPTS_MAX = 1
BROAD_EXCEPT_ROOM = "server/vsm_server/rpc/"
# Who may read clock, chance or environment in place: the composition root, and what it is built from.
OUTSIDE_READERS = ("server/vsm_server/main.py", "server/vsm_server/serving.py", "server/vsm_server/config.py")
OUTSIDE = re.compile(
    r"(time\.(time|time_ns|monotonic|monotonic_ns)|(datetime|date)\.(now|utcnow|today)|random\.\w+|secrets\.\w+|os\.(environ|urandom)"
    r"|uuid\.uuid[14]|(np|numpy)\.random\.\w+)$"
)
# Written so that they do not match themselves.
MACHINE = re.compile(
    r"/wor[k]/|/tmp/pla[n]|/roo[t]/|pypi[.]org|pythonhosted[.]org|npmjs[.]org|crates[.]io|proxy[.]golang[.]org|maven[.](apache[.])?org|deb[.]debian[.]org"
)
UNFINISHED = re.compile(r"TOD[O]|FIXM[E]|XX[X]|raise NotImplementedErro[r]|for no[w]\b")

TRACKED = tidy.tracked()
SOURCES = tidy.sources(TRACKED)
SERVER = [source for source in SOURCES if source.path.startswith("server/")]
TESTS = [source for source in SOURCES if source.path.startswith("tests/")]


def _long_functions(source: Source) -> Iterable[str]:
    return (f"{source.path}:{f.lineno} {f.name}: {tidy.length(f)} lines" for f in source.functions if tidy.length(f) > FUNCTION_LINES_MAX)


def _long_files(source: Source) -> Iterable[str]:
    return [f"{source.path}: {len(source.lines)} lines"] if len(source.lines) > FILE_LINES_MAX else []


def _wide_functions(source: Source) -> Iterable[str]:
    return (f"{source.path}:{f.lineno} {f.name}" for f in source.functions if len(tidy.parameters(f)) > PARAMETERS_MAX)


def _talkative_files(source: Source) -> Iterable[str]:
    alone = [line for line, _ in source.comments if source.lines[line - 1].lstrip().startswith("#")]
    return [f"{source.path}: {len(alone)} comment lines"] if len(alone) > max(1, COMMENT_SHARE_MAX * len(source.lines)) else []


def _mocks(source: Source) -> Iterable[str]:
    return (source.path for name in source.imported() if name.split(".")[0] == "mock" or name.startswith("unittest.mock"))


def _bare_ignores(source: Source) -> Iterable[str]:
    return (f"{source.path}:{line}" for line, text in source.comments if re.search(r"type:\s*ignore(?!\[)|noqa(?!:)", text))


BUDGETS: list[Callable[[Source], Iterable[str]]] = [
    _long_functions,
    _long_files,
    _wide_functions,
    _talkative_files,
    _mocks,
    _bare_ignores,
    tidy.forbidden_names,
]


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.__name__.strip("_"))
def test_sources_keep_the_budgets(budget: Callable[[Source], Iterable[str]]) -> None:
    """No file is over a budget of size, comments, mocks, ignores or names."""
    assert "\n".join(fault for source in SOURCES for fault in budget(source)) == ""


def test_one_broad_except_stands_in_the_tree() -> None:
    """Only the outermost stage catches what it does not name."""
    found = [place for source in SOURCES for place in tidy.broad_excepts(source)]
    assert len(found) <= BROAD_EXCEPTS_MAX
    assert all(place.startswith(BROAD_EXCEPT_ROOM) for place in found)


def test_clock_chance_and_environment_are_handed_in() -> None:
    """In the server only the composition root reads a clock, a source of chance or the environment."""
    inside = [source for source in SERVER if source.path not in OUTSIDE_READERS]
    assert "\n".join([f"{s.path}:{line} {name}" for s in inside for line, name in s.called() if OUTSIDE.match(name)]) == ""


def test_no_test_sleeps() -> None:
    """Time is handed in, so no test waits for it to pass."""
    assert "\n".join([f"{source.path}:{line}" for source in TESTS for line, name in source.called() if name == "time.sleep"]) == ""
    assert "\n".join([source.path for source in TESTS for name in source.imported() if name == "time.sleep"]) == ""


def test_every_test_says_what_is_true() -> None:
    """Each test has a docstring of one sentence."""
    cases = [(source, f) for source in TESTS for f in source.functions if f.name.startswith("test_")]
    said = {f"{source.path}:{f.lineno} {f.name}": ast.get_docstring(f) or "" for source, f in cases}
    assert "\n".join([place for place, words in said.items() if not re.fullmatch(r"[^\n].*[.]", words, re.DOTALL)]) == ""


@pytest.mark.parametrize("said", [MACHINE, UNFINISHED], ids=["machine", "unfinished"])
def test_files_do_not_speak_of(said: re.Pattern[str]) -> None:
    """No file names a machine's path or a registry's host, and none announces unfinished work."""
    assert "\n".join([f"{path}: {found[0]}" for path, text in tidy.texts(TRACKED) if (found := said.search(text))]) == ""


@pytest.mark.parametrize("distribution", ["server", "clients/python"])
def test_what_a_distribution_needs_is_pinned(distribution: str) -> None:
    """Each dependency that a distribution declares is an exact pin of the requirements that it is tested with."""
    declared = re.findall(r'^    "([\w-]+)', (tidy.ROOT / distribution / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    pins = (tidy.ROOT / "requirements" / f"{distribution.split('/', maxsplit=1)[0].rstrip('s')}.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([\w-]+)==", pins, re.MULTILINE))
    assert set(declared) - pinned == {"vsm-api"}
