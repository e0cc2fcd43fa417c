"""Small notebooks for the tests of the reports."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """\
n_customers = 50  # customers in each policy [1 to 10_000_000]
share = 0.25  # share of the price given back [0 to 1]
world = "evidence"  # which beliefs {claims, evidence}
tools = ["hammer", "saw"]  # the first is the control {tool names}
learn = True  # whether customers learn
note = ""  # printed under the table
seed = 11  # any whole number
"""

EXAMPLE = [
    "md:# Which way of making good keeps most customers?\n\nA firm fails some of its "
    "customers. What it does next decides how many stay.",
    "md:## The idea\n\nTrust moves by $\\Delta_i = \\lambda (r_i - \\tau)$, and a "
    "customer leaves with hazard\n\n$$h_i(t) = h_0\\, e^{-\\beta \\tau_i(t)} + "
    "\\frac{\\alpha}{\\sum_{j=1}^{n} \\omega_j^2}.$$\n\nA refund costs from $5 to $10 "
    'a case, or \\$7 on average; `price = "$5"` is code.\n\n'
    "| symbol | field | unit |\n|---|---|---|\n| $\\lambda$ | `learning` | per order |\n"
    "| $\\tau$ | `trust` | 0 to 1 |",
    "parameters:" + PARAMETERS,
    "import matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd\n"
    "from IPython.display import Markdown\n\n"
    "from recovery_research.exhibits import show_figure, show_table",
    "md:## What they kept\n\nThe refund should keep more than the control.",
    "rng = np.random.default_rng(seed)\n"
    "kept = pd.DataFrame({'policy': tools, 'n_customers': n_customers,\n"
    "    'estimate': rng.normal(size=len(tools)), 'cost_eur': 1234.5678 * share})\n"
    "show_table(kept, name='kept-by-policy', caption='What each policy kept, with its "
    "cost.', formats={'cost_eur': '{:,.2f}'})",
    "Markdown(f'The first keeps **{kept.estimate[0]:+.3f}** of ${n_customers}$ "
    "in world `{world}`. {note}')",
    "md:### Week by week\n\nThe lines part early.",
    "fig, ax = plt.subplots(figsize=(7, 3.2))\n"
    "for name in tools:\n"
    "    ax.plot(np.cumsum(rng.normal(size=52)), label=name)\n"
    "ax.set_xlabel('week')\nax.set_ylabel('trust moved')\nax.legend()\n"
    "show_figure(ax, name='trust-by-week', caption='Trust by week, one line a policy.',"
    " alt='Two wandering lines over 52 weeks that part after the tenth.')",
    "md:## What this does not show\n\n- Whether *your* customers are like these.\n"
    "- What happens after a year.",
]


def write_notebook(path, cells, **metadata):
    """Write a notebook from texts; ``md:`` and ``parameters:`` say what they are."""
    made = []
    for number, text in enumerate(cells):
        kind, _, rest = text.partition(":")
        if kind == "md":
            cell = new_markdown_cell(rest)
        elif kind == "parameters":
            cell = new_code_cell(rest.rstrip("\n"), metadata={"tags": ["parameters"]})
        else:
            cell = new_code_cell(text)
        cell["id"] = f"cell-{number}"
        made.append(cell)
    metadata.setdefault("language_info", {"name": "python"})
    nbformat.write(new_notebook(cells=made, metadata=metadata), path)
    return path
