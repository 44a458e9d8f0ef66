"""A second process that compiles: started where it may be and nowhere else, and never more than a saving of time."""

import subprocess
import sys
import time

import pytest
from numba import config

from npvae.cli import main
from npvae.kernels import jit
from npvae.kernels.team import pools
from npvae.steps import second_process
from npvae.steps.second_process import Task, compile_ahead, compile_with_a_second, permitted

TASKS = """
import os, time
from pathlib import Path
from npvae.steps.second_process import Task

def do(folder, number, wait_for):
    while wait_for is not None and not (folder / str(wait_for)).exists():
        time.sleep(0.01)
    (folder / str(number)).write_text(str(os.getpid()))

def tasks(folder, waits):
    paths = [Path(folder) / str(n) for n in range(len(waits))]
    return [Task(lambda n=n: do(Path(folder), n, waits[n]), path.exists) for n, path in enumerate(paths)]
"""


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """A function that makes tasks, in a module that both processes find; task n waits for the end of task waits[n]."""
    (tmp_path / "tasks_of_a_test.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tasks_of_a_test", raising=False)
    import tasks_of_a_test

    return tasks_of_a_test.tasks


@pytest.fixture
def done_beside(monkeypatch):
    """Which of four tasks are done here, beside a process that does what is written in place of the second one's work.

    The first of them waits until that process has asked for one or has ended.
    """
    monkeypatch.setattr(second_process, "can_start", lambda: True)
    started = []

    class Noted(second_process.SecondProcess):
        def __enter__(self):
            started.append(self)
            return self

    def do(number, done):
        while number == 0 and started and started[0].in_hand is None and started[0].thread.is_alive():
            time.sleep(0.001)
        done.append(number)

    def instead(program):
        monkeypatch.setattr(second_process, "SecondProcess", Noted)
        monkeypatch.setattr(second_process, "program", lambda make, arguments: program)
        done = []
        with permitted():
            compile_ahead(lambda: [Task(lambda n=n: do(n, done), lambda: False) for n in range(4)])
        return done

    return instead


def done_by(folder, number):
    return int((folder / str(number)).read_text())


def test_two_processes_share_the_tasks_from_both_ends(tasks, tmp_path):
    """The first task waits for the last but one: without a second process it would wait forever."""
    compile_with_a_second(tasks, (str(tmp_path), [2, None, None, None]), range(4))
    here = done_by(tmp_path, 0)
    assert done_by(tmp_path, 3) == done_by(tmp_path, 2) != here


def test_each_task_is_done_once_and_only_what_is_missing(tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(second_process, "can_start", lambda: True)
    (tmp_path / "1").write_text("7")
    with permitted():
        compile_ahead(tasks, str(tmp_path), [3, None, None, None])
    assert done_by(tmp_path, 1) == 7
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit()) == ["0", "1", "2", "3"]


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_names_of_what_the_second_process_has_compiled_are_told(tmp_path, monkeypatch):
    (tmp_path / "kernel_of_a_test.py").write_text(
        "from npvae.kernels import jit\nfrom npvae.steps.second_process import Task\n"
        "double = jit.kernel(jit.SUMS)(lambda x: x + x)\ndouble.py_func.__module__ = 'npvae.kernels'\n"
        "double.py_func.__name__ = 'double'\n"
        "def tasks():\n    return [Task(lambda: None, None), Task(lambda: double(2.0), None)]"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import kernel_of_a_test

    second, told = second_process.SecondProcess(kernel_of_a_test.tasks, (), [1], lambda name: told.append(name)), []
    with second, second.changed:
        second.changed.wait_for(lambda: not second.waiting and second.in_hand is None)
    assert told == ["double"]


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "print('ready', flush=True); input(); raise SystemExit(1)",
        "print('noise'); print('ready', flush=True); import os; input(); os.abort()",
        "import os, sys; os.close(1); sys.stdin.read()",
    ],
    ids=["at once", "with a task in hand", "violently", "deaf"],
)
def test_what_a_second_process_does_not_do_is_done_here(done_beside, program):
    assert sorted(done_beside(program)) == [0, 1, 2, 3]


def test_a_second_process_that_hangs_is_ended_and_its_task_done_here(done_beside, monkeypatch):
    monkeypatch.setattr(second_process, "PATIENCE", 0.01)
    assert sorted(done_beside("print('ready', flush=True); import time; time.sleep(10**6)")) == [0, 1, 2, 3]


def test_a_system_that_starts_no_process_costs_nothing(done_beside, monkeypatch):
    def full(*arguments, **keywords):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    assert done_beside("") == [0, 1, 2, 3]


def test_it_is_ended_when_a_task_fails_here(tasks, tmp_path, monkeypatch):
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(start(*a, **k)) or started[0])
    monkeypatch.setattr(second_process, "program", lambda make, arguments: "input()")

    def fails():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compile_with_a_second(lambda: [Task(fails, None)] * 2, (), range(2))
    assert started[0].poll() is not None


def test_it_imports_from_where_this_process_does_and_not_from_the_folder_it_is_in(tmp_path, monkeypatch):
    for name in ("json.py", "numba.py", "npvae.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the working folder')")
    path = [entry for entry in sys.path if entry not in ("", ".")]
    monkeypatch.setattr(sys, "path", path)
    text = second_process.program(jit.cache_folder, [])
    done = subprocess.run([sys.executable, "-c", text.split("serve(")[0]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def never_started(monkeypatch):
    """Fails where a second process is started, though everything else would allow it."""
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    monkeypatch.setattr(config, "DISABLE_JIT", 0)
    monkeypatch.setattr(pools.team, "threads", 2)
    monkeypatch.setattr(jit, "cache_folder", lambda: "a folder")
    assert second_process.can_start()
    return [Task(lambda: None, lambda: False)] * 3


def test_it_is_not_started_without_permission(never_started):
    compile_ahead(lambda: never_started)
    with permitted(), permitted(False):
        compile_ahead(lambda: never_started)


def test_it_is_not_started_where_next_to_nothing_is_missing(never_started):
    kept = Task(lambda: None, lambda: True)
    with permitted():
        compile_ahead(lambda: [never_started[0], kept, kept])


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (config, "DISABLE_JIT", 1),
        (pools.team, "threads", 1),
        (jit, "cache_folder", lambda: None),
        (sys, "executable", ""),
        (sys, "frozen", True),
    ],
)
def test_it_is_not_started_where_it_cannot_help(never_started, monkeypatch, owner, name, value):
    monkeypatch.setattr(owner, name, value, raising=False)
    with permitted():
        compile_ahead(lambda: never_started)


@pytest.mark.parametrize(("size", "allowed"), [(1, True), (2, False)])
def test_the_command_line_permits_it_to_one_process_and_the_library_to_none(monkeypatch, size, allowed):
    from npvae.cli import train

    class Processes:
        rank = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    Processes.size = size
    seen = []
    monkeypatch.setattr(train, "started_processes", Processes)
    monkeypatch.setattr(train, "_run", lambda *_: seen.append(second_process._permitted) or 0)
    assert main(["train"]) == 0
    assert seen == [allowed]
    assert not second_process._permitted


FIRST_STEP = """
import sys
import numpy as np
import npvae
from npvae.kernels import jit
from npvae.kernels.team import pools
from npvae.steps import Step, second_process
from npvae.steps import compiled_vae

saved, keep = [], jit.RoomCache.save_overload
jit.RoomCache.save_overload = lambda self, *rest: saved.append(self._py_func.__name__) or keep(self, *rest)
ahead = second_process.compile_ahead
listed = []

def compile_ahead(make, *arguments):
    ahead(make, *arguments)
    listed.extend((all(task.is_kept() for task in make(*arguments)), len(saved)))

compiled_vae.compile_ahead = compile_ahead
pools.set_threads(2)
rng = np.random.default_rng(0)
vae = npvae.VAE(784, (200,), 2, seed=0)
step, x = Step(vae, 64), (rng.random((64, 784)) < 0.1).astype(np.float32)
with second_process.permitted(sys.argv[1] == "permitted"):
    loss, trace = step.forward(x, vae.draw_eps(64, rng))
    grads = step.backward(trace)
    step.square_norm(grads)
print(loss, grads.flat.tobytes().hex()[:4000], grads.flat.sum())
print(listed[0], saved[listed[1]:], len(saved) > 0)
"""


@pytest.mark.skipif(pools.PRODUCTS != "tiles", reason="steps are not compiled as a whole on this processor")
def test_a_first_step_compiles_nothing_but_the_tasks_and_has_the_bits_of_a_later_one(python, tmp_path):
    told = [
        python("-c", FIRST_STEP, may, NUMBA_CACHE_DIR=str(tmp_path)).stdout.split("\n")
        for may in ("permitted", "permitted", "alone")
    ]
    assert [lines[1] for lines in told] == ["True [] True", "True [] False", "True [] False"]
    assert told[0][0] == told[1][0] == told[2][0]
