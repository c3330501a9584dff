"""Notebooks: which there are, and which parameters each takes, read from its parameters cell.

papermill runs a notebook with a misspelt parameter as if nothing had been said. Here a
parameter is refused, before any kernel starts, unless the notebook's own cell declares it and
the value has the declared type.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsanalytics.formats import nearest

PACK = "04_board_pack"
RUN_PARAMETERS = ("period", "entity", "data", "run_dir")

_NAME = re.compile(r"[0-9]{2}_\w+")
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
_FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class RequestError(ValueError):
    """The request itself is wrong; the message is a sentence with the next step. Exit code 2."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: `type` as annotated ("str", "int | None"), `default` its literal."""

    name: str
    type: str
    default: Any
    meaning: str


@dataclass(frozen=True)
class Notebook:
    """A notebook that can be run: `name` is its file's stem, `title` its first heading."""

    name: str
    path: Path
    title: str
    parameters: tuple[Parameter, ...]


def notebooks_folder(given: str | Path | None = None) -> Path:
    """Find the notebooks: the folder given, else ./notebooks, else those of the installed package.

    A package installed from a checkout for editing has its notebooks in that checkout.
    Raises RequestError when there is no such folder, or no notebook in it.
    """
    if given is not None:
        candidates, where = [Path(given).absolute()], f"in the folder '{given}'"
    else:
        source = Path(__file__).resolve()
        candidates = [Path("notebooks").absolute(), source.parents[2] / "notebooks", source.parents[4] / "notebooks"]
        where = "in ./notebooks nor in the installed package"
    for folder in candidates:
        if any(folder.glob("[0-9][0-9]_*.ipynb")):
            return folder
    raise RequestError(
        f"There is no notebook named like 01_budget_variance.ipynb {where}. Name their folder with --notebooks."
    )


def read_notebooks(folder: Path) -> tuple[Notebook, ...]:
    """Read every notebook of a folder, in the order of their numbers."""
    found = sorted(path for path in folder.glob("*.ipynb") if _NAME.fullmatch(path.stem))
    return tuple(read_notebook(path) for path in found)


def read_notebook(path: Path) -> Notebook:
    """Read a notebook's title and parameters. Raises RequestError where they cannot be made out."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError):
        raise RequestError(f"{path.name} is no Jupyter notebook. Open it in JupyterLab, mend it and save it.") from None
    texts = [_source(cell) for cell in cells if cell.get("cell_type") == "markdown"]
    titles = [match[1].strip() for text in texts if (match := _HEADING.search(text))]
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        many = "no cell" if not tagged else f"{len(tagged)} cells"
        raise RequestError(f"{path.name} has {many} tagged 'parameters'. Tag the one cell that holds its parameters.")
    return Notebook(path.stem, path, titles[0] if titles else path.stem, _parameters(_source(tagged[0]), path.name))


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _parameters(source: str, name: str) -> tuple[Parameter, ...]:
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
        return tuple(p for node in statements for p in _parameter(node, comments))
    except (SyntaxError, ValueError) as error:
        wanted = 'one literal a line, like: month: str = "2026-09"  # reporting month'
        raise RequestError(f"The parameters cell of {name} cannot be read ({error}). Write {wanted}") from None


def _parameter(node: ast.stmt, comments: Mapping[int, str]) -> list[Parameter]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        names, kind = [node.target.id], ast.unparse(node.annotation).strip("'\"")
    elif isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        names, kind = [target.id for target in node.targets if isinstance(target, ast.Name)], ""
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return []
    else:
        raise ValueError(f"line {node.lineno} is not a parameter")
    assert node.value is not None  # an annotation without a value fell through to the error
    default = ast.literal_eval(node.value)
    meaning = comments.get(node.end_lineno or node.lineno, "")
    return [Parameter(name, kind or type(default).__name__, default, meaning) for name in names]


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


def find(name: str, notebooks: tuple[Notebook, ...]) -> Notebook:
    """Find a notebook by "01", "01_budget_variance" or "budget_variance".

    Raises RequestError naming the nearest notebook.
    """
    wanted = name.removesuffix(".ipynb").replace("-", "_").lower()
    for notebook in notebooks:
        number, _, rest = notebook.name.lower().partition("_")
        if wanted in (notebook.name.lower(), rest, number, number.lstrip("0")):
            return notebook
    near = nearest(wanted, [known for n in notebooks for known in (n.name, n.name.partition("_")[2])])
    known = ", ".join(notebook.name for notebook in notebooks)
    raise RequestError(f"There is no notebook '{name}'. The nearest is {near}; there are {known}.")


def typed(parameter: Parameter, text: str) -> Any:
    """Turn the text of `--set name=value` into the parameter's type.

    Raises RequestError when the text is no value of that type.
    """
    base, optional = _base(parameter)
    if optional and text.lower() in ("none", ""):
        return None
    try:
        return _value(base, text, parameter.default)
    except (ValueError, SyntaxError):
        wanted = {"int": "a whole number", "float": "a number", "bool": "true or false"}.get(base, f"a {base}")
        like = f"for example {parameter.default!r}" if parameter.default not in (None, "") else "as its notebook says"
        raise RequestError(
            f"Parameter {parameter.name} takes {wanted}, not '{text}'. Write {parameter.name}=VALUE, {like}."
        ) from None


def _base(parameter: Parameter) -> tuple[str, bool]:
    parts = [part.strip() for part in parameter.type.removeprefix("Optional[").removesuffix("]").split("|")]
    named = [part for part in parts if part != "None"]
    optional = "None" in parts or parameter.type.startswith("Optional[")
    return (named[0] if named else "str"), optional


def _value(base: str, text: str, default: Any) -> Any:
    if base == "str":
        return text
    if base == "int":
        return int(text)
    if base == "float":
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("not a finite number")
        return number
    if base == "bool":
        if text.lower() not in _FLAGS:
            raise ValueError("neither true nor false")
        return _FLAGS[text.lower()]
    value = ast.literal_eval(text)
    if default is not None and type(value) is not type(default):
        raise ValueError("another type than the default's")
    return value


def settings_of(pairs: tuple[str, ...], notebooks: tuple[Notebook, ...]) -> dict[str, dict[str, Any]]:
    """Turn every `name=value` into the typed parameters of each notebook that declares the name.

    Raises RequestError for a name that no notebook declares (naming the nearest), for one that the
    run itself gives, and for a value of another type.
    """
    chosen: dict[str, dict[str, Any]] = {notebook.name: {} for notebook in notebooks}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals:
            raise RequestError(f"--set {pair} says no value. Write --set name=value.")
        if name in RUN_PARAMETERS:
            raise RequestError(
                f"--set {name} is given by the run itself: use PERIOD, --entity, --data or --runs instead."
            )
        holders = [(n, p) for n in notebooks for p in n.parameters if p.name == name]
        if not holders:
            raise RequestError(_unknown_parameter(name, notebooks))
        for notebook, parameter in holders:
            chosen[notebook.name][name] = typed(parameter, text)
    return chosen


def _unknown_parameter(name: str, notebooks: tuple[Notebook, ...]) -> str:
    known = sorted({p.name for n in notebooks for p in n.parameters} - set(RUN_PARAMETERS))
    said = f"The notebooks have no parameter '{name}'"
    if not known:
        return f"{said}: they take only {', '.join(RUN_PARAMETERS)}, which the run gives. Leave --set out."
    return f"{said}. The nearest is {nearest(name, known)}; `opsanalytics describe` lists them all."


def refuse_without_run_parameters(notebooks: tuple[Notebook, ...]) -> None:
    """Raise RequestError when a notebook does not take the parameters that every run gives."""
    for notebook in notebooks:
        missing = [name for name in RUN_PARAMETERS if name not in {p.name for p in notebook.parameters}]
        if missing:
            raise RequestError(
                f"{notebook.name} has no parameter {' nor '.join(missing)}. Add it to its parameters cell."
            )
