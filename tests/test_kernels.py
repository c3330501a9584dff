"""Forked kernels: a notebook gives what a plain kernel gives, kernels share nothing, and none outlives its driver.

The kernels here are real, forked and plain ones.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec
from jupyter_core.utils import ensure_event_loop
from papermill.exceptions import PapermillExecutionError

from opsanalytics.batch.execution.kernels import MODULES, Preloaded, PreloadedGoneError, cannot_fork
from opsanalytics.batch.execution.kernels.provisioner import QuickManager, forked_provisioner

resource = pytest.importorskip("resource", reason="Windows has no fork")
pytestmark = pytest.mark.skipif(bool(cannot_fork()), reason=cannot_fork() or "kernels can be forked")

TIED = """import atexit, shutil, tempfile
folder = tempfile.mkdtemp()
atexit.register(shutil.rmtree, folder)
held = tempfile.TemporaryDirectory()"""

RICH = [
    "import os, subprocess, sys, time, warnings\nfrom matplotlib import pyplot as plt\n"
    "import numpy as np, pandas as pd, seaborn as sns",
    "plt.plot([1, 3, 2]);",
    "axes = sns.histplot(x=[1, 2, 2, 3]); axes.set_title('Counts')",
    "figure, axes = plt.subplots(); axes.bar(['a', 'b'], [1, 2]); figure.savefig('bars.png'); plt.show()",
    "print('plain text'); print('to stderr', file=sys.stderr)",
    "from IPython.display import HTML, JSON, Markdown, clear_output, display",
    "display(HTML('<b>bold</b>'), Markdown('*a*'))",
    "shown = display({'a': 1}, display_id=True); shown.update({'a': 2})",
    "print('gone'); clear_output(); print('stays')",
    "warnings.warn('mind this'); warnings.warn('old', DeprecationWarning)",
    "done = subprocess.run(['echo', 'of another process']); time.sleep(0.5); done.returncode",
    # A thread of the kernel reads descriptors: the cells wait for it, so that the lines are theirs.
    "written = os.write(1, b'by descriptor\\n'), os.write(2, b'by descriptor to stderr\\n'); time.sleep(0.5)",
    "pd.DataFrame(np.arange(90).reshape(3, 30))",
    "pd.DataFrame({'a': range(100), 'b': 0.5})",
    "pd.DataFrame({'a': [1, 2]}).style.format('{:.1f}')",
    "import traceback\ntry:\n    {}['missing']\nexcept KeyError:\n    print(traceback.format_exc())",
    "import logging\nlogging.warning('root'); logging.getLogger('prophet').warning('of prophet')",
    "import prophet",
    "series = pd.DataFrame({'ds': pd.date_range('2025-01-01', periods=90), 'y': np.arange(90) % 7 + 1.0})",
    "model = prophet.Prophet(); model.fit(series); model.predict(series.tail(3))[['ds', 'yhat']].round(3)",
    "model.plot(model.predict(series));",
    "import duckdb\nduckdb.sql('select sum(i) as total from range(1000000) t(i)').df()",
    "square = np.arange(90000.0).reshape(300, 300); (square @ square).sum(), np.linalg.svd(square)[1][0].round(3)",
    "import asyncio\nawait asyncio.sleep(0.01)\nget_ipython().run_line_magic('pwd', '')",
    "from concurrent.futures import ThreadPoolExecutor",
    "with ThreadPoolExecutor(2) as pool: print(list(pool.map(abs, [-1, 2])))",
    "sys.stdin.read() if not sys.stdin.closed else None",
]
# What a notebook can see of its process: all of it must be as in a plain kernel.
STATE = """import builtins, decimal, gc, locale, signal, tempfile, threading, matplotlib
facts = {
    "argv": [os.path.basename(part) for part in sys.argv[:2]],
    "path": sys.path,
    "folder": os.getcwd(),
    "temporary": tempfile.gettempdir(),
    "environment": sorted(os.environ),
    "session": os.getsid(0) == os.getpgid(0) == os.getpid(),
    "handlers": {n: [type(h).__name__ for h in l.handlers] for n, l in sorted(logging.Logger.manager.loggerDict.items())
                 if getattr(l, "handlers", None) and n != "charset_normalizer"},
    "levels": {n: l.level for n, l in sorted(logging.Logger.manager.loggerDict.items()) if getattr(l, "level", 0)},
    "streams": sorted({type(h.stream).__name__ for l in logging.Logger.manager.loggerDict.values()
                 for h in getattr(l, "handlers", []) if hasattr(h, "stream") and l.name == "cmdstanpy"}),
    "filters": sorted(str(one) for one in warnings.filters),
    "columns": (pd.options.display.max_columns, pd.options.display.max_rows, pd.options.display.width),
    "matplotlib": dict(matplotlib.rcParams),
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD,
                signal.SIGALRM, signal.SIGPIPE)],
    "mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
    "umask": (os.umask(0o22), os.umask(0o22)),
    "locale": locale.setlocale(locale.LC_ALL),
    "numbers": (np.geterr(), decimal.getcontext(), sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold()),
    "names": sorted(dir(builtins)),
    "flags": sys.flags,
    "main": sorted(vars(sys.modules["__main__"]).keys() & {"__file__", "__spec__", "__name__", "__doc__"}),
    "hooks": (sys.excepthook.__name__, type(sys.displayhook).__name__),
    "threads": sorted(thread.name.split("-")[0] for thread in threading.enumerate()),
    "files": type(sys.stdout).__name__,
}
for name, fact in facts.items():
    print(name, fact)"""
FAILING = "print('before')\n1 / 0"


class Kernel:
    """A forked kernel and a client of it."""

    def __init__(self, preloaded: Preloaded, folder: Path, log: Path | None = None) -> None:
        file = str(folder / f"k{time.monotonic_ns():x}.json")
        write_connection_file(file, transport="ipc", ip=file.removesuffix(".json"), kernel_name="python3")
        self.process = preloaded.fork(["-f", file], folder, preloaded.environment, log or os.devnull)
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def run(self, code: str) -> str:
        """Run code and return what it prints."""
        texts: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            if message["content"].get("name") == "stdout":
                texts.append(message["content"]["text"])

        self.client.execute_interactive(code, allow_stdin=False, timeout=60, output_hook=keep)
        return "".join(texts).strip()

    def send(self, code: str) -> None:
        """Run code and wait for nothing."""
        self.client.execute(code)

    def close(self) -> None:
        """End the kernel, if it lives, and the client."""
        self.process.kill()
        self.process.wait(10)
        self.client.stop_channels()
        self.client.context.destroy(linger=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with modules that preloading finds hard, and for the kernels' temporary files."""
    folder = tmp_path_factory.mktemp("k")
    (folder / "tied.py").write_text(TIED, encoding="utf-8")
    (folder / "broken.py").write_text("raise RuntimeError('no licence')", encoding="utf-8")
    (folder / "slow.py").write_text("import time\ntime.sleep(60)", encoding="utf-8")
    (folder / "tmp").mkdir()
    return folder


@pytest.fixture(scope="module")
def environment(place: Path, root: Path) -> dict[str, str]:
    own = {"TMPDIR": str(place / "tmp"), "IPYTHONDIR": str(place / "ipython"), "OMP_NUM_THREADS": "1"}
    inherited = {
        name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"
    }  # ipykernel heeds it
    return {**inherited, **own, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(place)])}


@pytest.fixture(scope="module")
def preloaded(environment: dict[str, str], place: Path) -> Iterator[Preloaded]:
    """All that the notebooks import, a module that is tied to its process and one that fails."""
    with Preloaded((*MODULES, "tied", "broken"), environment, place) as made:
        yield made


@pytest.fixture
def small(environment: dict[str, str], place: Path) -> Iterator[Preloaded]:
    """A process to be ended by the test."""
    with Preloaded(("json",), environment, place) as made:
        yield made


class Forks:
    """Forks kernels, of one preloaded process unless told otherwise."""

    def __init__(self, preloaded: Preloaded, place: Path) -> None:
        self.preloaded, self.place = preloaded, place
        self.made: list[Kernel] = []

    def __call__(self, of: Preloaded | None = None, log: Path | None = None) -> Kernel:
        self.made.append(Kernel(of or self.preloaded, self.place, log))
        return self.made[-1]

    def close(self) -> None:
        while self.made:
            self.made.pop().close()


@pytest.fixture
def fork(preloaded: Preloaded, place: Path) -> Iterator[Forks]:
    """Fork kernels, which end with the test."""
    forks = Forks(preloaded, place)
    yield forks
    forks.close()


def write(path: Path, cells: list[str], failing: str = "") -> Path:
    """Write a notebook; the cell `failing` comes last and may fail."""
    made = [nbformat.v4.new_code_cell(cell, id=f"c{number}") for number, cell in enumerate(cells)]
    if failing:
        made.append(nbformat.v4.new_code_cell(failing, id="failing", metadata={"tags": ["raises-exception"]}))
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def execute(
    source: Path, target: Path, preloaded: Preloaded, *, fork: bool, added: dict[str, str] | None = None, **values: str
) -> list[Any]:
    """Run a notebook in a forked or in a plain kernel; return each code cell's count and outputs, masked."""
    connection = target.parent / f"k{time.monotonic_ns():x}.json"
    log = target.with_suffix(".log")

    class Manager(QuickManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**(options | {"connection_file": str(connection), "transport": "ipc"}))

        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

        async def start_kernel(self, **options: Any) -> None:
            if fork:
                self.provisioner = forked_provisioner(self, preloaded, log)
            environment = {**preloaded.environment, **(added or {})}
            with log.open("a", encoding="utf-8") as stream:
                own = {"cwd": str(source.parent), "env": environment, "stdout": stream, "stderr": stream}
                await super().start_kernel(**(options | own))

    expected = (
        pytest.raises(PapermillExecutionError) if "failing" in source.read_text(encoding="utf-8") else nullcontext()
    )
    try:
        with expected:
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters=values,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                kernel_manager_class=Manager,
                shutdown_kernel="immediate",
            )
    finally:
        ensure_event_loop().close()  # nbclient opens one a thread and leaves it
    cells = [cell for cell in nbformat.read(target, 4).cells if cell.cell_type == "code"]
    return [(cell.execution_count, outputs(cell)) for cell in cells]


def outputs(cell: Any) -> list[Any]:
    """A cell's outputs without what differs between any two kernels; what goes to a stream in one piece."""
    streams: dict[str, str] = {}
    others = []
    for output in cell.outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
        else:
            others.append(masked(str(output)))
    return [{name: masked(text) for name, text in streams.items()}, *others]


def masked(text: str) -> str:
    """Replace process ids, addresses, times of day and the random ids of pandas' tables."""
    for pattern, name in [
        (r"ipykernel_\d+", "PROCESS"),
        (r"0x[0-9a-f]+", "ADDRESS"),
        (r"\d\d:\d\d:\d\d", "TIME"),
        (r"T_[0-9a-f]{5}", "TABLE"),
    ]:
        text = re.sub(pattern, name, text)
    return text


def both_ways(source: Path, folder: Path, preloaded: Preloaded, **values: str) -> tuple[list[Any], list[Any]]:
    """Run a notebook in a plain and in a forked kernel, at the same time."""
    with ThreadPoolExecutor(2) as pool:
        plain = pool.submit(execute, source, folder / "plain.ipynb", preloaded, fork=False, **values)
        forked = pool.submit(execute, source, folder / "forked.ipynb", preloaded, fork=True, **values)
        return plain.result(), forked.result()


def lives(pid: int) -> bool:
    """Whether a process is there, and is no remainder that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def files_of(kernel: Kernel) -> list[str]:
    """The files and pipes that a kernel holds open; sockets come and go with its client."""
    names = [str(link.readlink()) for link in Path(f"/proc/{kernel.process.pid}/fd").iterdir()]
    return sorted(name.split("[")[0] for name in names if not name.startswith(("socket", "anon_inode")))


def gone_within(seconds: float, pids: list[int]) -> bool:
    """Wait until none of the processes is left."""
    end = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.slow
def test_a_notebook_of_rich_outputs_gives_the_same_both_ways(preloaded: Preloaded, tmp_path: Path) -> None:
    notebook = write(tmp_path / "rich.ipynb", [*RICH, STATE], failing=FAILING)
    plain, forked = both_ways(notebook, tmp_path, preloaded)
    assert preloaded.plain == []
    for ordinary, ours in zip(plain, forked, strict=True):
        assert ours == ordinary
    assert "image/png" in forked[1][1][1]
    assert "ZeroDivisionError" in forked[-1][1][1]
    logs = [(tmp_path / f"{way}.log").read_text(encoding="utf-8").splitlines() for way in ("plain", "forked")]
    assert sorted(logs[0]) == sorted(logs[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("01_budget_variance", "Cork"),
        ("02_seasonal_demand", "Cork"),
        ("03_staffing_forecast", "Cork"),
        ("04_board_pack", "(all)"),
    ],
)
def test_the_notebooks_give_the_same_both_ways(
    name: str, entity: str, preloaded: Preloaded, root: Path, sample: Path, tmp_path: Path
) -> None:
    plain, forked = both_ways(
        root / "notebooks" / f"{name}.ipynb", tmp_path, preloaded, entity=entity, data=str(sample)
    )
    assert preloaded.plain == []
    for ordinary, ours in zip(plain, forked, strict=True):
        assert ours == ordinary


def test_starting_returns_at_once_and_a_module_that_fails_is_named(preloaded: Preloaded, place: Path) -> None:
    began = time.monotonic()
    with Preloaded(("slow",), preloaded.environment, place) as busy:
        assert time.monotonic() - began < 1
        assert busy.info == {}
    preloaded.wait_loaded()
    assert preloaded.errors == {"broken": "RuntimeError: no licence"}
    assert preloaded.info["threads"] == 1


def test_kernels_do_not_inherit_one_state_of_chance(fork: Forks) -> None:
    draw = (
        "import random, uuid, numpy as np\nprint(np.random.random(), random.random(), np.random.default_rng().random())"
    )
    first, second = (fork().run(draw).split() for _ in range(2))
    assert not set(first) & set(second)


def test_a_kernel_that_ends_removes_no_temporary_folder_but_its_own(fork: Forks) -> None:
    first, second = fork(), fork()
    own = "import cmdstanpy; print(cmdstanpy._TMPDIR)"
    folders = [Path(kernel.run(own)) for kernel in (first, second)]
    inherited = [Path(part) for part in second.run("import tied; print(tied.folder); print(tied.held.name)").split()]
    assert len(set(folders)) == 2
    assert [folder for folder in [*folders, *inherited] if not folder.exists()] == []
    first.client.shutdown()
    assert first.process.wait(20) == 0
    assert [folder.exists() for folder in folders] == [False, True]
    assert all(folder.exists() for folder in inherited)


def test_what_a_kernel_registers_itself_runs_at_its_end(fork: Forks, tmp_path: Path) -> None:
    kernel, mark = fork(), tmp_path / "mark"
    kernel.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(mark)!r}).write_text, 'done')")
    kernel.client.shutdown()
    kernel.process.wait(20)
    assert mark.read_text(encoding="utf-8") == "done"


def test_no_descriptor_leaks_from_one_kernel_to_another_or_stays_behind(
    fork: Forks, preloaded: Preloaded, tmp_path: Path
) -> None:
    preloaded.wait_loaded()
    own = Path(f"/proc/{preloaded.pid}/fd")
    before = len(list(own.iterdir()))
    first = fork(log=tmp_path / "0.log")
    alone = files_of(first)
    last = [fork(log=tmp_path / f"{number}.log") for number in range(1, 4)][-1]
    assert files_of(last) == [path.replace("0.log", "3.log") for path in alone]
    fork.close()
    assert len(list(own.iterdir())) == before


def test_what_a_kernel_writes_beside_the_notebook_is_added_to_its_log(fork: Forks, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("first\n", encoding="utf-8")
    kernel = fork(log=log)
    kernel.run("import os, sys; os.write(sys.stdout.fileno(), b'out\\n'); os.write(sys.stderr.fileno(), b'err\\n')")
    assert log.read_text(encoding="utf-8") == "first\nout\nerr\n"


def test_a_killed_kernel_is_reported_with_its_signal_and_peak_memory_and_the_others_go_on(
    fork: Forks,
) -> None:
    killed, other = fork(), fork()
    killed.run("block = bytearray(300_000_000); block[::4096] = b'1' * len(block[::4096])")
    os.kill(killed.process.pid, signal.SIGKILL)
    assert killed.process.wait(5) == -signal.SIGKILL
    assert killed.process.usage is not None
    assert killed.process.usage.peak_memory_mb > 300
    assert killed.process.usage.cpu_seconds > 0
    assert other.run("print(1 + 1)") == "2"
    assert other.process.poll() is None


def test_a_kernel_that_ends_by_itself_is_reported_with_its_code(fork: Forks) -> None:
    kernel = fork()
    kernel.send("import os; os._exit(7)")
    assert kernel.process.wait(5) == 7


def test_a_kernel_that_does_not_end_in_time_is_said(fork: Forks) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        fork().process.wait(0.05)


def test_a_kernel_that_cannot_begin_is_returned_with_its_code_and_the_reason_in_its_log(
    preloaded: Preloaded, place: Path, tmp_path: Path
) -> None:
    preloaded.wait_loaded()
    process = preloaded.fork(["-f", "none"], tmp_path / "absent", preloaded.environment, tmp_path / "log")
    assert process.wait(5) == 1
    assert "No such file or directory" in (tmp_path / "log").read_text(encoding="utf-8")


def test_kernels_end_with_the_preloaded_process_and_the_next_is_a_plain_one(
    small: Preloaded, fork: Forks, tmp_path: Path
) -> None:
    kernels = [fork(small), fork(small)]
    assert small.pid is not None
    os.kill(small.pid, signal.SIGKILL)
    assert [kernel.process.wait(2) for kernel in kernels] == [-signal.SIGKILL] * 2
    assert gone_within(2, [kernel.process.pid for kernel in kernels])
    notebook = write(tmp_path / "next.ipynb", ["print('ran')"])
    assert execute(notebook, tmp_path / "out.ipynb", small, fork=True) == [(1, [{"stdout": "ran\n"}])]
    assert small.plain == ["the preloaded process has ended"]


def test_where_nothing_can_be_forked_for_want_of_descriptors_the_kernels_go_on_and_the_reason_is_said(
    small: Preloaded, fork: Forks, place: Path
) -> None:
    kernel = fork(small)
    used = len(list(Path(f"/proc/{small.pid}/fd").iterdir()))
    assert small.pid is not None
    before = resource.prlimit(small.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(small.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    with pytest.raises(PreloadedGoneError, match=r"could not fork: .*Too many open files"):
        small.fork([], place, small.environment)
    resource.prlimit(small.pid, resource.RLIMIT_NOFILE, before)
    assert kernel.run("print(1)") == "1"
    assert fork(small).run("print(2)") == "2"


def test_stopping_ends_the_kernels_and_no_other_is_forked(small: Preloaded, fork: Forks, place: Path) -> None:
    kernel, pid = fork(small), small.pid
    small.stop()
    assert kernel.process.poll() == -signal.SIGKILL
    assert gone_within(0, [kernel.process.pid, pid or 0])
    with pytest.raises(PreloadedGoneError, match="has been stopped"):
        small.fork([], place, small.environment)


DRIVER = """import os, subprocess, sys, time
from pathlib import Path
from opsanalytics.batch.execution.kernels import Preloaded
from test_kernels import Kernel
folder = Path(sys.argv[1])
preloaded = Preloaded(sys.argv[2].split(), dict(os.environ), folder)
preloaded.start()
print(preloaded.pid, flush=True)
kernels = [Kernel(preloaded, folder) for _ in range(2)] if sys.argv[2] == "json" else []
child = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
print(*[kernel.process.pid for kernel in kernels], *[kernel.run(child) for kernel in kernels], flush=True)
time.sleep(60)"""


@pytest.mark.parametrize("module", ["json", "slow"])
def test_nothing_outlives_a_driver_that_is_killed(
    module: str, environment: dict[str, str], place: Path, tmp_path: Path
) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER, encoding="utf-8")
    paths = os.pathsep.join([environment["PYTHONPATH"], str(Path(__file__).parent)])
    command = [sys.executable, str(script), str(place), module]
    with subprocess.Popen(
        command, env={**environment, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        pids = [int(part) for _ in range(2) for part in driver.stdout.readline().split()]
        assert len(pids) == (5 if module == "json" else 1)
        assert all(lives(pid) for pid in pids)
        driver.kill()
    assert gone_within(2, pids)


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ({"PYTHONHASHSEED": "7"}, "the environment differs in what counts at the start: PYTHONHASHSEED"),
        (
            {"OMP_NUM_THREADS": "2", "LC_ALL": "C"},
            "the environment differs in what counts at the start: LC_ALL, OMP_NUM_THREADS",
        ),
    ],
)
def test_a_variable_that_counts_at_the_start_makes_a_plain_kernel_with_its_reason(
    added: dict[str, str], reason: str, small: Preloaded, tmp_path: Path
) -> None:
    name = next(iter(added))
    notebook = write(tmp_path / "n.ipynb", [f"import os; print(os.environ[{name!r}])"])
    assert execute(notebook, tmp_path / "o.ipynb", small, fork=True, added=added)[0][1] == [
        {"stdout": f"{added[name]}\n"}
    ]
    assert small.plain == [reason]


def test_any_other_variable_reaches_a_forked_kernel(preloaded: Preloaded, tmp_path: Path) -> None:
    code = "import os, tempfile; print(os.environ['SITE']); print(tempfile.gettempdir())"
    added = {"SITE": "Cork", "TMPDIR": str(tmp_path)}
    cells = execute(write(tmp_path / "n.ipynb", [code]), tmp_path / "o.ipynb", preloaded, fork=True, added=added)
    assert cells == [(1, [{"stdout": f"Cork\n{tmp_path}\n"}])]
    assert preloaded.plain == []


def test_a_folder_with_settings_of_matplotlib_and_another_command_are_refused(small: Preloaded, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "x"]
    assert small.refusal(command, str(tmp_path), small.environment) == ""
    (tmp_path / "matplotlibrc").write_text("font.size: 3", encoding="utf-8")
    assert "matplotlibrc" in small.refusal(command, str(tmp_path), small.environment)
    assert "command" in small.refusal(["julia", "-m", "kernel"], small.cwd, small.environment)
    assert "not been started" in Preloaded().refusal(command, small.cwd, small.environment)
