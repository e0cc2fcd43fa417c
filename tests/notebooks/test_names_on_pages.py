"""The whole page of a file whose words are full of marks: each stands there whole."""

import ast
import html
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from report_pages import record

from recovery_research.paths import notebooks_folder
from recovery_research.reports.pages import write_page
from recovery_research.texts import TURNS, say

# Each has a piece, a Q and a letter, by which it is found where it does not stand whole.
ANSWERS = ["没有_Qa回答_", "*Qb*_gut_", "$13 bis $Qc", "a`Qd`|c<b>d</b>", "_Qe_", "a_qf",
           "~Qg~ #x [y](z)", "Qh استرداد كامل", "\\(Qi\\)", "Qj คืนเงิน & co"]  # fmt: skip
LEVELS = ["*Qk*_x_", "$Ql to $2", "上海Qm"]
UNIT = "$/Qn*_分"
MAPPING = f"""\
shape = "complaints"
[columns]
answer = "答复 *_`$"
[answers]
control = {json.dumps(ANSWERS[0])}
[outcomes]
"满意度_qo" = {{ column = "score", kind = "number", better = "high", unit = "{UNIT}", before = "was" }}
left_qp_ = {{ column = "left", kind = "yes_no", better = "low" }}
[covariates]
"城市" = {{ column = "city", kind = "category" }}
"""


@pytest.fixture
def written(tmp_path):
    k = np.arange(len(ANSWERS) * 40)
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "答复 *_`$": [ANSWERS[each] for each in k % len(ANSWERS)],
            "score": rng.normal(5.0, 1.0, len(k)) + 0.2 * (k % len(ANSWERS)),
            "was": rng.normal(5.0, 1.0, len(k)),
            "left": np.where(rng.random(len(k)) < 0.3, "yes", "no"),
            "city": [LEVELS[each % 3] for each in k],
        }
    )
    table.loc[::9, "score"] = np.nan
    table.to_csv(tmp_path / "投诉_*Qr*`x`$.csv", index=False)
    (tmp_path / "m_*Qs*_.toml").write_text(MAPPING, encoding="utf-8")
    return tmp_path / "投诉_*Qr*`x`$.csv", tmp_path / "m_*Qs*_.toml"


def run_cells(path, mapping):
    """Run the report's cells in this process; return the notebook with what it shows."""
    source = notebooks_folder() / "10-your-customers.ipynb"
    book, names = new_notebook(), {}
    for cell in json.loads(source.read_text(encoding="utf-8"))["cells"]:
        code = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            book.cells.append(new_markdown_cell(code))
            continue
        *steps, last = ast.parse(code).body
        shows = isinstance(last, ast.Expr)
        steps = steps if shows else [*steps, last]
        exec(compile(ast.Module(steps, []), cell["id"], "exec"), names)
        shown = (
            eval(compile(ast.Expression(last.value), "", "eval"), names)
            if shows
            else None
        )
        made = new_code_cell("pass")
        if hasattr(shown, "_repr_markdown_"):
            data = {"text/markdown": shown.data}
            made.outputs.append(new_output("display_data", data=data))
        elif hasattr(shown, "_repr_mimebundle_"):
            data, marks = shown._repr_mimebundle_()
            made.outputs.append(new_output("display_data", data=data, metadata=marks))
        book.cells.append(made)
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= {"source": str(path), "mapping": str(mapping)}
            names |= {"through": "left_qp_"}
    plt.close("all")
    return book


@pytest.mark.slow
def test_each_word_of_a_file_stands_whole_wherever_it_stands(written):
    page = write_page(run_cells(*written), record())
    page = re.sub(r"data:[^\"]*|<style.*?</style>", "", page, flags=re.DOTALL)
    seen = TURNS.sub("", html.unescape(re.sub(r"<[^>]+>", " ", page)))
    seen = " ".join(seen.split())
    words = dict.fromkeys([*ANSWERS, UNIT, "left_qp_"], 5)
    words |= dict.fromkeys(LEVELS, 0) | {file.name: 1 for file in written}
    for word, at_least in words.items():
        piece = re.search(r"[Qq][a-z]", word)[0]
        whole = sum(seen.count(each) for each in {word, say(word)})
        assert seen.count(piece) == whole >= at_least, word
    assert "满意度 qo" in seen  # a name of the mapping's own is said
