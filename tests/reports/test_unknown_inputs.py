"""What no watch can tell is said, cell by cell, and is never taken for unchanged."""

import re
import sys

import pytest
from watched_code import gather, lay_out, run_watched

from recovery_research.reports import kernel_watch_callers
from recovery_research.reports.run_inputs import find_change

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs forks")
CLOCK, LUCK = "reads the clock", "draws luck without a seed"
NETWORK, PROGRAM = "uses the network", "runs another program"
WHOLE = "reads the whole environment"

UNKNOWN = [
    ("import time\ntime.time()", CLOCK),
    ("from time import time_ns\ntime_ns()", CLOCK),
    ("import time\ntime.strftime('%Y')", CLOCK),
    ("import time\ntime.localtime(None)", CLOCK),
    ("import time\ntime.ctime()", CLOCK),
    ("import time\ntime.clock_gettime(time.CLOCK_REALTIME)", CLOCK),
    ("import datetime\ndatetime.datetime.now()", CLOCK),
    ("import datetime as d\nd.date.today()", CLOCK),
    ("from datetime import datetime\nf = datetime.utcnow\n", CLOCK),
    ("def f():\n    from datetime import datetime\n    return [datetime.now() for _ in '1']\nf()", CLOCK),
    ("from datetime import datetime\ngetattr(datetime, 'now')()", CLOCK),
    ("import datetime\neval('datetime.datetime.now()')", CLOCK),
    ("import pandas as pd\npd.Timestamp.now()", CLOCK),
    ("import pandas as pd\npd.to_datetime('today')", CLOCK),
    ("import numpy as np\nnp.datetime64('now')", CLOCK),
    ("import stamp", r"reads the clock \(now in stamp.py\)"),
    ("import ticks\nticks.ask()", r"reads the clock \(time.time in ticks.py\)"),
    ("import email.utils\nemail.utils.formatdate()", CLOCK),
    ("import sqlite3\nsqlite3.connect(':memory:').execute(\"select date('now')\")", CLOCK),
    ("import sqlite3\nsqlite3.connect(':memory:').execute('select random()')", LUCK),
    ("import random\nrandom.random()", LUCK),
    ("import random\nrandom.shuffle([1, 2])", LUCK),
    ("import random\nrandom.random()\nrandom.seed(1)", LUCK),
    ("import random\nrandom.seed()", LUCK),
    ("import random\nrandom.Random().random()", LUCK),
    ("import random\nrandom.SystemRandom().random()", LUCK),
    ("import os\nos.urandom(4)", LUCK),
    ("import secrets\nsecrets.token_hex()", LUCK),
    ("import uuid\nuuid.uuid4()", LUCK),
    ("open('/dev/urandom', 'rb').read(1)", LUCK),
    ("import numpy as np\nnp.random.default_rng().normal()", LUCK),
    ("import numpy as np\nnp.random.RandomState()", LUCK),
    ("import numpy as np\nnp.random.normal()", LUCK),
    ("import numpy as np\nnp.random.normal()\nnp.random.seed(1)", LUCK),
    ("import numpy as np\nnp.random.seed(None)", LUCK),
    ("import pandas as pd\npd.DataFrame({'a': [1, 2]}).sample(1)", LUCK),
    ("from scipy import stats\nstats.norm.rvs()", LUCK),
    ("import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9))\nexcept OSError:\n    pass",
     NETWORK),
    ("import urllib.request\ntry:\n    urllib.request.urlopen('http://127.0.0.1:9')\n"
     "except OSError:\n    pass", NETWORK),
    ("import socket\nsocket.gethostname()", "the name of the machine"),
    ("import subprocess\nsubprocess.run(['true'])", PROGRAM),
    ("import os\nos.system('true')", PROGRAM),
    ("import os\nos.popen('true').read()", PROGRAM),
    ("import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)", PROGRAM),
    ("import os\npid = os.fork()\nif not pid:\n    os.execv('/bin/true', ['true'])\n"
     "os.waitpid(pid, 0)", PROGRAM),
    ("import os\ndict(os.environ)", WHOLE),
    ("import os\nos.environ.copy()", WHOLE),
    ("import os\n[k for k in os.environ]", WHOLE),
    ("import os\nos.environ | {}", WHOLE),
    ("import os\nrepr(os.environb)", WHOLE),
    ("import duckdb\nduckdb.sql(\"select * from 'x.csv'\")", "through duckdb"),
    ("from pyarrow import fs\nfs.LocalFileSystem()", "through LocalFileSystem"),
    ("open('/proc/meminfo').read()", "the state of the machine"),
    ("open('log.txt', 'a').write('1')\nopen('log.txt').read()", "adds to .*log.txt and reads"),
    ("n = open('x.csv').read()\nopen('x.csv', 'w').write(n + '1')", "changes .*x.csv, which"),
    ("open('x.csv').read()\nopen('x.csv', 'a').write('1')", "changes .*x.csv, which"),
    ("import os\nif not os.path.exists('made.csv'):\n    open('made.csv', 'w').write('1')",
     "changes .*made.csv, which"),
    ("import sqlite3\nlink = sqlite3.connect('s.db')\nlink.execute('insert into t values (5)')\n"
     "link.commit()", "s.db changed while"),
    ("import os\nos.rename('x.csv', 'z.csv')\nopen('z.csv')", "x.csv changed while"),
    ("import os, threading\nos.mkfifo('pipe')\n"
     "t = threading.Thread(target=lambda: open('pipe', 'w').close())\n"
     "t.start()\nopen('pipe').read()\nt.join()", "pipe, which is no file"),
    ("import many\nmany.ask()", LUCK),
]  # fmt: skip
KNOWN = [
    "import time\ntime.sleep(0)\ntime.perf_counter()\ntime.monotonic()\ntime.localtime(0)\n"
    "time.strftime('%Y', time.gmtime(0))\ntime.clock_gettime(time.CLOCK_MONOTONIC)",
    "import datetime\nnow = today = 3\ndatetime.datetime.fromtimestamp(now)\nprint('now')",
    "import numpy as np\nnp.random.seed(3)\nnp.random.normal()\nnp.random.default_rng(1).normal()",
    "import random\nrandom.seed(3)\nrandom.random()\nrandom.Random(2).random()",
    "import random\nstate = random.getstate()\nrandom.setstate(state)",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]}).sample(1, random_state=1)",
    "from scipy import stats\nstats.norm.rvs(random_state=2)",
    "import logging, warnings\nlogging.warning('x')\nwarnings.warn('x')",
    "import uuid\nuuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
    "open('out.txt', 'w').write('x')\nopen('out.txt').read()\nopen('log.txt', 'a').write('x')",
    "import os\nopen('half', 'w').write('x')\nos.replace('half', 'whole')\nopen('whole').read()",
    "import tempfile\nwith tempfile.TemporaryDirectory() as place:\n"
    "    open(place + '/x', 'w').write('3')\n    open(place + '/x').read()\n"
    "with tempfile.NamedTemporaryFile('w+') as file:\n    file.write('x')\n    file.seek(0)",
    "import os, pathlib\nos.makedirs('made/deep', exist_ok=True)\n"
    "pathlib.Path('made/too').mkdir(parents=True, exist_ok=True)",
    "import shutil\nshutil.copy('x.csv', 'copy.csv')\nshutil.copytree('d', 'd2')\n"
    "shutil.rmtree('d2')",
    "import pandas as pd\npd.read_csv('x.csv').to_csv('new.csv')\npd.read_csv('new.csv')",
    "import inspect, json, traceback\ninspect.getsource(json)\ntraceback.format_stack()",
    "import os\nos.environ['OMP_THING'] = '1'\nos.environ.get('OMP_THING')\n'X' in os.environ",
    "import sqlite3\nlink = sqlite3.connect(':memory:')\nlink.execute('select 1')\nlink.close()",
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "plt.plot([1, 2])\nplt.savefig('x.png')",
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n"
    "    list(pool.map(len, ['a']))",
    "import recovery_research as rr\nrr.load_world('claims')",
]  # fmt: skip
MODULES = {
    "stamp": "from datetime import datetime\nnow = datetime.now()\n",
    "ticks": "import time\ndef ask():\n    return time.time()\n",
    "many": "from concurrent.futures import ProcessPoolExecutor\n"
    "from multiprocessing import get_context\nimport numpy as np\n"
    "def draw(_):\n    return np.random.normal()\n"
    "def ask():\n    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:\n"
    "        list(pool.map(draw, [1]))\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """What each piece of code was seen to read, and its folder."""
    top = tmp_path_factory.mktemp("unknown")
    codes = [*(code for code, _ in UNKNOWN), *KNOWN]
    folders = [top / str(number) for number in range(len(codes))]
    lay_out(top, *folders)
    for folder in folders:
        for name, text in MODULES.items():
            (folder / f"{name}.py").write_text(text)
    notes = run_watched(list(zip(folders, codes, strict=True)))
    return {
        code: (folder, gather(path, folder))
        for code, folder, path in zip(codes, folders, notes, strict=True)
    }


@pytest.mark.parametrize(("code", "said"), UNKNOWN)
def test_what_cannot_be_known_is_said(watched, code, said):
    folder, inputs = watched[code]
    assert any(re.search(said, each) for each in inputs.unknown), inputs.unknown
    assert find_change(inputs, folder, {}) == f"cannot be known: {inputs.unknown[0]}"


@pytest.mark.parametrize("code", KNOWN)
def test_what_can_be_known_is_not_doubted(watched, code):
    folder, inputs = watched[code]
    assert inputs.unknown == []
    assert find_change(inputs, folder, {}) is None


@pytest.mark.parametrize(
    ("path", "installed"),
    [
        ("/v/site-packages/numpy/core.py", True),
        ("/v/site-packages/ours/model.py", False),  # read as code of this package
        ("/v/site-packages/../data.csv", False),
        ("/v//site-packages/ours/model.py", False),
        ("/v/./site-packages/ours/model.py", False),
        ("/v/data.csv", False),
        (b"/v/site-packages/numpy/core.py", False),  # looked at later, as before
        (3, False),
    ],
)
def test_only_what_is_surely_installed_is_let_past_at_once(
    path, installed, monkeypatch
):
    monkeypatch.setattr(kernel_watch_callers, "_OWN", ("/v/site-packages/ours",))
    assert kernel_watch_callers.is_installed(path) is installed
