"""What a run reads is noted however it is read, and looked at again the next time."""

import os
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pyreadstat
import pytest
from watched_code import (
    FRAME,
    gather,
    lay_out,
    point,
    run_watched,
    write_sqlite,
    write_text,
    write_zip,
)

from recovery_research.reports.kernel_watch_notes import NOTES_FILE
from recovery_research.reports.run_inputs import NoteReader, find_change, gather_inputs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs forks")


def text(name, content="n\n22\n"):
    return lambda home: write_text(home / name, content)


# Code, what changes after it, and what is said of it.
READ = {
    "open": ("open('x.csv').read()", text("x.csv"), "x.csv has changed"),
    "path": ("import pathlib\npathlib.Path('x.csv').read_bytes()", text("x.csv"), "x.csv has"),
    "os.open": ("import os\nos.read(os.open('x.csv', 0), 9)", text("x.csv"), "x.csv has"),
    "list of files": ("[open(f) for f in ['x.csv', 'y.csv']]", text("y.csv"), "y.csv has"),
    "dict of files": (
        "[open(f) for f in {'a': 'x.csv', 'b': 'd/a.csv'}.values()]", text("d/a.csv"), "a.csv has",
    ),
    "pandas": ("import pandas as pd\npd.read_csv('x.csv')", text("x.csv"), "x.csv has changed"),
    "same size": ("open('x.csv').read()", text("x.csv", "n\n2\n"), "x.csv has changed"),
    "folder, more": ("import glob\nglob.glob('d/*.csv')", text("d/new.csv"), "d holds other"),
    "folder, content": (
        "import pathlib\n[p.read_text() for p in pathlib.Path('d').glob('*.csv')]",
        text("d/b.csv"), "b.csv has changed",
    ),
    "folder, fewer": (
        "import os\nos.listdir('d')", lambda home: (home / "d/b.csv").unlink(), "d holds other",
    ),
    "tree": ("import os\nlist(os.walk('d'))", text("d/deep/new"), "deep holds other files"),
    "open folder": (
        "import os\nlist(os.fwalk('d'))", text("d/deep/new"), "deep holds other files",
    ),
    "from an open folder": (
        "import os\nfolder = os.open('d', os.O_RDONLY)\n"
        "os.read(os.open('a.csv', os.O_RDONLY, dir_fd=folder), 9)",
        text("d/a.csv"), "d/a.csv has changed",
    ),
    "sizes in a folder": (
        "import os\n[e.stat().st_size for e in os.scandir('d')]", text("d/a.csv"), "d holds other",
    ),
    "module beside": ("import own", text("own.py", "n = 2\n"), "module .*own.py has changed"),
    "subpackage": (
        "from pkg.sub import low", text("pkg/sub/low.py", "n = 2\n"), "module .*low.py has",
    ),
    "module elsewhere": (
        "import sys\nsys.path.insert(0, 'other')\nimport above",
        text("other/above.py", "n = 2\n"), "module .*above.py has",
    ),
    "module before another": (
        "import sys\nsys.path.insert(0, 'over')\nsys.path.append('other')\nimport above",
        text("over/above.py", "n = 2\n"), "over holds other modules",
    ),
    "module as data": ("exec(open('own.py').read())", text("own.py", "n = 2\n"), "own.py has"),
    "run_path": ("import runpy\nrunpy.run_path('own.py')", text("own.py", "n = 2\n"), "own.py"),
    "zip import": (
        "import sys\nsys.path.insert(0, 'z.zip')\nimport packed",
        lambda home: write_zip(home / "z.zip", "n = 2\n"), "z.zip has changed",
    ),
    "package data": (
        "from importlib.resources import files\nfiles('pkg').joinpath('table.txt').read_text()",
        text("pkg/table.txt"), "table.txt has changed",
    ),
    "deleted": ("open('x.csv')", lambda home: (home / "x.csv").unlink(), "x.csv is gone"),
    "not there yet": (
        "try:\n    open('new.csv')\nexcept OSError:\n    pass", text("new.csv"), "new.csv has",
    ),
    "is it there": ("import os\nos.path.exists('flag')", text("flag"), "flag is there now"),
    "is it there, pathlib": (
        "from pathlib import Path\nPath('x.csv').is_file()",
        lambda home: (home / "x.csv").unlink(), "x.csv is there now, or not",
    ),
    "its time": (
        "import os\nos.path.getmtime('x.csv')",
        lambda home: os.utime(home / "x.csv", (5, 5)), "x.csv has changed",
    ),
    "its size": (
        "from pathlib import Path\nPath('x.csv').stat().st_size", text("x.csv"), "x.csv has",
    ),
    "link": ("open('link.csv')", lambda home: point(home / "link.csv", "d/own.csv"), "is gone"),
    "link to other content": (
        "open('link.csv')",
        lambda home: (text("d/a.csv")(home), point(home / "link.csv", "d/a.csv")),
        "link.csv has changed",
    ),
    "after chdir": ("import os\nos.chdir('d')\nopen('a.csv')", text("d/a.csv"), "a.csv has"),
    "pickle": (
        "import pickle\npickle.load(open('x.pkl', 'rb'))",
        lambda home: (home / "x.pkl").write_bytes(pickle.dumps(2)), "x.pkl has changed",
    ),
    "np.load": (
        "import numpy as np\nnp.load('x.npy', mmap_mode='r')",
        lambda home: np.save(home / "x.npy", np.arange(4)), "x.npy has changed",
    ),
    "np.fromfile": (
        "import numpy as np\nnp.fromfile('x.npy')", text("x.npy"), "x.npy has changed",
    ),
    "sqlite": (
        "import sqlite3\nsqlite3.connect('s.db').execute('select * from t').fetchall()",
        lambda home: write_sqlite(home / "s.db", 2), "s.db has changed",
    ),
    "sqlite address": (
        "import sqlite3\nsqlite3.connect('file:s.db?mode=ro', uri=True).close()",
        lambda home: write_sqlite(home / "s.db", 2), "s.db has changed",
    ),
    "read_parquet": (
        "import pandas as pd\npd.read_parquet('x.parquet')",
        lambda home: FRAME.head(1).to_parquet(home / "x.parquet"), "x.parquet has changed",
    ),
    "arrow table": (
        "import pyarrow.parquet as pq\npq.ParquetFile('x.parquet').read()",
        lambda home: FRAME.head(1).to_parquet(home / "x.parquet"), "x.parquet has changed",
    ),
    "arrow folder": (
        "import pyarrow.dataset as ds\nds.dataset('parts').to_table()",
        lambda home: FRAME.to_parquet(home / "parts/two.parquet"), "parts holds other files",
    ),
    "arrow csv": ("import pyarrow.csv\npyarrow.csv.read_csv('x.csv')", text("x.csv"), "x.csv has"),
    "feather": (
        "import pyarrow.feather\npyarrow.feather.read_table(source='x.feather')",
        lambda home: FRAME.head(1).to_feather(home / "x.feather"), "x.feather has changed",
    ),
    "spss": (
        "import pandas as pd\npd.read_spss('x.sav')",
        lambda home: pyreadstat.write_sav(FRAME.head(1), home / "x.sav"), "x.sav has changed",
    ),
    "calamine": (
        "import python_calamine\npython_calamine.load_workbook('x.xlsx')",
        lambda home: FRAME.head(1).to_excel(home / "x.xlsx"), "x.xlsx has changed",
    ),
    "in a thread": (
        "import threading\nt = threading.Thread(target=lambda: open('x.csv').read())\n"
        "t.start()\nt.join()", text("x.csv"), "x.csv has changed",
    ),
    "in a fork": (
        "import os\npid = os.fork()\nif not pid:\n    open('x.csv').read()\n    os._exit(0)\n"
        "os.waitpid(pid, 0)", text("x.csv"), "x.csv has changed",
    ),
    "what a copy is of": (
        "import shutil\nshutil.copy('x.csv', 'mine.csv')\nopen('mine.csv').read()",
        text("x.csv"), "x.csv has changed",
    ),
    "what a link is of": (
        "import os, tempfile\nplace = tempfile.mkdtemp()\n"
        "os.symlink(os.path.abspath('x.csv'), place + '/l')\nopen(place + '/l').read()",
        text("x.csv"), "x.csv has changed",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """A folder for each piece of code, in which it has run."""
    top = tmp_path_factory.mktemp("inputs")
    folders = {name: top / name.replace(" ", "-") for name in READ}
    lay_out(top, *folders.values())
    notes = run_watched([(folders[name], READ[name][0]) for name in READ])
    return {
        name: (folder, gather(path, folder))
        for (name, folder), path in zip(folders.items(), notes, strict=True)
    }


@pytest.mark.parametrize("name", READ)
def test_what_was_read_is_the_same_until_it_changes(homes, name):
    home, inputs = homes[name]
    _, change, said = READ[name]
    assert inputs.unknown == []
    assert find_change(inputs, home, {}) is None
    change(home)
    assert re.search(said, find_change(inputs, home, {}))


def test_nothing_but_what_was_read_counts(homes):
    home, inputs = homes["pandas"]
    assert set(inputs.files) == {(home / "x.csv").as_posix()}
    assert inputs.modules == inputs.folders == inputs.presence == inputs.times == {}
    text("d/other.csv")(home)
    (home / "y.csv").unlink()
    changed = inputs.model_copy(update={"files": {}})
    assert find_change(changed, home, {}) is None


def test_variables_count_by_name_and_their_values_are_not_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_WORD", "hush-hush")
    monkeypatch.delenv("SHOP_LEVEL", raising=False)
    code = (
        "import os\nos.getenv('SHOP_LEVEL')\n'SHOP_WORD' in os.environ\n"
        "os.environ['SHOP_OWN'] = '1'\nos.environ['SHOP_OWN']"
    )
    (notes,) = run_watched([(tmp_path, code)])
    inputs = gather(notes, tmp_path)
    assert set(inputs.environment) == {"SHOP_LEVEL", "SHOP_WORD", "TZ"}
    assert inputs.environment["SHOP_LEVEL"] == "absent"
    assert "hush" not in inputs.model_dump_json() + notes.read_text()
    now = {
        "SHOP_WORD": "hush-hush",
        "OTHER": "2",
        **{k: v for k, v in os.environ.items() if k == "TZ"},
    }
    assert find_change(inputs, tmp_path, now) is None
    for change in ({"SHOP_LEVEL": "2"}, {"SHOP_LEVEL": ""}, {"SHOP_WORD": "hush"}):
        said = f"the environment variable {next(iter(change))} is another one"
        assert find_change(inputs, tmp_path, now | change) == said


def test_a_file_that_changes_while_the_report_runs_is_not_known(tmp_path):
    for name in ("x.csv", "d/a.csv"):
        text(name)(tmp_path)
    (notes,) = run_watched([(tmp_path, "open('x.csv')\nimport os\nos.listdir('d')")])
    text("x.csv", "n\n2\n")(tmp_path)
    text("d/new")(tmp_path)
    unknown = gather(notes, tmp_path).unknown
    assert unknown == [f"{tmp_path}/x.csv changed while the report ran",
                       f"{tmp_path}/d changed while the report ran"]  # fmt: skip


def test_paths_are_from_the_project_where_they_lie_in_it(tmp_path):
    home = tmp_path / "shop"
    text("d/a.csv")(home)
    (home / "recovery-research.toml").write_text("")
    (notes,) = run_watched([(home, "open('d/a.csv')")])
    inputs = gather(notes, home / "d")
    assert list(inputs.files) == ["d/a.csv"]
    moved = tmp_path / "moved"
    home.rename(moved)
    assert find_change(inputs, moved / "d", {}) is None
    text("d/a.csv", "n\n3\n")(moved)
    assert find_change(inputs, moved / "d", {}) == "d/a.csv has changed"


def test_a_secret_in_a_path_is_not_told_and_not_known(tmp_path):
    (tmp_path / "hush.csv").write_text("1")
    (notes,) = run_watched([(tmp_path, "open('hush.csv')")])
    inputs = gather_inputs(NoteReader(notes).read(), tmp_path, ["hush"])
    assert inputs.unknown == ["reads a file whose name is secret"]
    assert "hush" not in inputs.model_dump_json()


def test_without_notes_nothing_is_known(tmp_path):
    for content in (None, "", "[", '["made", "x", ""]\n'):
        path = tmp_path / NOTES_FILE
        if content is not None:
            path.write_text(content)
        assert gather(path, tmp_path).unknown == [
            "what the notebook reads could not be watched"
        ]
    assert find_change(None, Path(tmp_path), {}).startswith("cannot be known")
