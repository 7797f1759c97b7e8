"""The commands that the pages show name programs, files, options and extras that there are."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from code_blocks import PAGES, ROOT, blocks_of, prose_of

from blockhess.terminal.commands import _parser

OTHERS = set("clang-format compute-sanitizer cut git grep mkdir mkdocs ruff xargs".split())
BUILT = ("build/gpu/blockhess_gpu", "build/fuzz/fuzz")  # by the command before it
SPAN = re.compile(r"`((?:python3?|pip|mkdocs) [^`]+)`")
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def commands() -> list[tuple[str, str]]:
    """(place, command line), a block of them after the other."""
    found = []
    for page in PAGES:
        blocks = [block for block in blocks_of(page) if block.language == "sh"]
        found += [(str(block), block.code) for block in blocks]
        spans = SPAN.findall(prose_of(page))
        found += [(f"{page.relative_to(ROOT)}: {span}", span) for span in spans]
    return found


def test_a_command_names_what_there_is(subtests):
    for place, lines in commands():
        with subtests.test(place):
            folder = ROOT
            for line in lines.splitlines():
                for words in commands_of(line):
                    folder = check(words, folder)


def commands_of(line: str) -> list[list[str]]:
    line = re.sub(r"^\w+=\$\((.*)\)$", r"\1", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in ("&&", "|"):
            found.append([])
        elif found[-1] or not re.match(r"[A-Z_]+=", word):  # or a variable of the environment
            found[-1].append(word)
    return [words for words in found if words]


def check(words: list[str], folder: Path) -> Path:
    """The folder in which the next command runs; an AssertionError where something is missing."""
    program, *rest = words
    if program == "cd":
        assert (folder / rest[0]).is_dir() or any(b.startswith(rest[0]) for b in BUILT)
        return folder / rest[0]
    if program == "pip":
        check_pip(rest)
    elif program in ("python", "python3"):
        check_python(rest, folder)
    elif program == "cmake":
        check_cmake(rest, folder)
    else:
        built = (folder / program).resolve().relative_to(ROOT).as_posix()
        known = program in OTHERS or built in BUILT or (ROOT / built).is_file()
        assert known, f"{program} is no program that is known"
    return folder


def check_cmake(arguments: list[str], folder: Path) -> None:
    if "--preset" in arguments:
        presets = json.loads((folder / "CMakePresets.json").read_text())
        known = {p["name"] for kind in presets.values() if isinstance(kind, list) for p in kind}
        assert arguments[arguments.index("--preset") + 1] in known
    elif "-S" in arguments:
        text = (folder / arguments[arguments.index("-S") + 1] / "CMakeLists.txt").read_text()
        for option in re.findall(r"-D(?!CMAKE)(\w+)=", " ".join(arguments)):
            assert option in text, f"there is no option {option}"
    else:
        assert arguments[0] == "--build"


def check_pip(arguments: list[str]) -> None:
    assert arguments[0] == "install"
    for extra in re.findall(r"\.\[(\w+)\]", " ".join(arguments)):
        assert re.search(rf"^{extra} = \[", PYPROJECT, re.MULTILINE), f"no extra {extra}"


def check_python(arguments: list[str], folder: Path) -> None:
    first, *rest = arguments
    if first == "-c":
        compile(rest[0], "<command>", "exec")
    elif first == "-m":
        module, *rest = rest
        assert module in ("blockhess", "pytest")
        if module == "blockhess" and rest:
            _parser().parse_args(rest)
    else:
        script = folder / first
        texts = [path.read_text() for path in script.parent.glob("*.py")]
        assert script.is_file()
        for option in (word for word in rest if word.startswith("--")):
            assert any(f'"{option}"' in text for text in texts), f"{first} has no {option}"
