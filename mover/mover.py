"""Move modules into rooms: merge, rewrite imports everywhere. python mover.py ROOT [--report]"""
import ast, json, re, subprocess, sys, collections
from pathlib import Path
import libcst as cst
from libcst.metadata import MetadataWrapper, ScopeProvider, ImportAssignment, GlobalScope
sys.path.insert(0, str(Path(__file__).parent))
from layout import LAYOUT, ROOM_DOCS, RENAME

ROOT = Path(sys.argv[1]); DRY = "--report" in sys.argv
PKG = "recovery_research"; P = ROOT / PKG
NEW = {}
for new, (_, parts) in LAYOUT.items():
    for part in parts:
        NEW[f"{PKG}.{part}"] = f"{PKG}.{new}"
OLDROOMS = {f"{PKG}.analyses": f"{PKG}.analysis", f"{PKG}.customers": f"{PKG}.customer_data", f"{PKG}.reporting": f"{PKG}.reports"}
KEEP = {PKG, f"{PKG}.__main__", f"{PKG}.guide"}
problems = []

def all_modules():
    for p in sorted(P.rglob("*.py")):
        rel = p.relative_to(ROOT).with_suffix("")
        name = ".".join(rel.parts)
        if name.endswith(".__init__"): name = name[:-9]
        yield name, p
MODULES = dict(all_modules())
for m in MODULES:
    if m not in NEW and m not in KEEP and m not in OLDROOMS:
        problems.append(f"NO PLACE for {m}")
for m in list(NEW):
    if m not in MODULES: problems.append(f"MISSING {m}"); 
def renamed(module, name): return RENAME.get((module.removeprefix(PKG + "."), name), name)
def dotted(node):
    if node is None: return ""
    if isinstance(node, cst.Name): return node.value
    return dotted(node.value) + "." + node.attr.value
def to_node(name):
    parts = name.split("."); node = cst.Name(parts[0])
    for p in parts[1:]: node = cst.Attribute(node, cst.Name(p))
    return node

class Rewriter(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (ScopeProvider,)
    def __init__(self, where, old, new):
        self.where, self.old, self.new = where, old, new
        self.aliases = {}   # id(import alias name) by bound name -> (old module, new leaf or None)
        self.symbols = {}   # bound name -> new name
    def locate(self, node):
        base = dotted(node.module)
        level = len(node.relative)
        if not level: return base
        parts = (self.old or "").split(".")
        is_pkg = MODULES.get(self.old, Path("x")).name == "__init__.py"
        parts = parts[: len(parts) - level + (1 if is_pkg else 0)]
        return ".".join([*parts, base] if base else parts)
    # first pass: gather bindings
    def visit_Module(self, node):
        names_used = collections.Counter()
        class G(cst.CSTVisitor):
            def visit_ImportFrom(s, n): 
                m = self.locate(n)
                if not (m == PKG or m.startswith(PKG + ".")) or isinstance(n.names, cst.ImportStar): return
                for al in n.names:
                    nm = al.name.value; bound = al.asname.name.value if al.asname else nm
                    full = f"{m}.{nm}"
                    if full in NEW:
                        target = NEW[full]
                        if target == self.new: self.aliases[bound] = (full, None)
                        else:
                            leaf = bound if al.asname else target.rsplit(".", 1)[1]
                            self.aliases[bound] = (full, leaf)
                    elif m in NEW:
                        n2 = renamed(m, nm)
                        if NEW[m] == self.new and bound != n2: self.symbols[bound] = n2
                        elif not al.asname and n2 != nm: self.symbols[bound] = n2
            def visit_Name(s, n): names_used[n.value] += 1
            def visit_Attribute(s, n): names_used[n.attr.value] -= 1
        node.visit(G()); self.names_used = names_used
        # leaf conflicts
        bound = collections.defaultdict(set)
        for b, (full, leaf) in self.aliases.items():
            if leaf and leaf != b and names_used.get(leaf, 0) > 0 and leaf not in self.aliases:
                problems.append(f"{self.where}: module name {leaf} (from {full}) is also a name here; kept as {b}")
                self.aliases[b] = (full, b)
    def is_import(self, node, name):
        scope = self.get_metadata(ScopeProvider, node, None)
        if scope is None: return True
        try: found = list(scope[name])
        except KeyError: return False
        return any(isinstance(f, ImportAssignment) for f in found)
    def leave_Attribute(self, o, u):
        if isinstance(o.value, cst.Name) and o.value.value in self.aliases and self.is_import(o.value, o.value.value):
            full, leaf = self.aliases[o.value.value]
            attr = renamed(full, o.attr.value)
            if leaf is None:
                scope = self.get_metadata(ScopeProvider, o.value, None)
                try:
                    hits = [f for f in scope[attr] if not isinstance(f.scope, GlobalScope)]
                    hits = [f for f in hits if type(f).__name__ != "BuiltinAssignment"]
                    if hits: problems.append(f"{self.where}: bare {attr} is shadowed")
                except Exception: pass
                return cst.Name(attr, lpar=u.lpar, rpar=u.rpar)
            return u.with_changes(value=cst.Name(leaf), attr=cst.Name(attr))
        return u
    def leave_Name(self, o, u):
        name = o.value
        if name in self.symbols and self.is_import(o, name): return u.with_changes(value=self.symbols[name])
        if name in self.aliases and self.is_import(o, name):
            full, leaf = self.aliases[name]
            if leaf is None: return u   # value of an attribute, handled above, or a bare use
            return u.with_changes(value=leaf)
        if self.old and (self.old.removeprefix(PKG + "."), name) in RENAME:
            scope = self.get_metadata(ScopeProvider, o, None)
            try: found = list(scope[name]) if scope else []
            except KeyError: found = []
            if any(isinstance(f.scope, GlobalScope) for f in found):
                return u.with_changes(value=renamed(self.old, name))
        return u
    def leave_FunctionDef(self, o, u): return self._definition(o, u)
    def leave_ClassDef(self, o, u): return self._definition(o, u)
    def _definition(self, o, u):
        return u
    def leave_ImportFrom(self, o, u):
        m = self.locate(o)
        if not (m == PKG or m.startswith(PKG + ".")): return u
        return u.with_changes(lpar=None) if False else u
    def leave_SimpleStatementLine(self, o, u):
        if len(o.body) != 1: return u
        st = o.body[0]
        if isinstance(st, cst.Import):
            for al in st.names:
                d = dotted(al.name)
                if d in NEW:
                    if al.asname is None: problems.append(f"{self.where}: import {d}")
                    return u.with_changes(body=[cst.Import([cst.ImportAlias(to_node(NEW[d]), al.asname)])])
            return u
        if not isinstance(st, cst.ImportFrom): return u
        m = self.locate(st)
        if not (m == PKG or m.startswith(PKG + ".")): return u
        groups = collections.OrderedDict()
        for al in st.names:
            nm = al.name.value; bound = al.asname.name.value if al.asname else nm
            full = f"{m}.{nm}"
            if full in NEW:
                if NEW[full] == self.new: continue
                parent, leaf = NEW[full].rsplit(".", 1); b = self.aliases[bound][1]
                groups.setdefault(parent, {})[(leaf, b if b != leaf else None)] = 1
            elif m in NEW:
                n2 = renamed(m, nm)
                if NEW[m] == self.new: continue
                asn = al.asname.name.value if al.asname else None
                groups.setdefault(NEW[m], {})[(n2, asn if asn != n2 else None)] = 1
            elif full in OLDROOMS:
                parent, leaf = OLDROOMS[full].rsplit(".", 1)
                groups.setdefault(parent, {})[(leaf, bound)] = 1
                problems.append(f"{self.where}: imports a room {full}")
            else:
                mm = OLDROOMS.get(m, m)
                groups.setdefault(mm, {})[(nm, al.asname.name.value if al.asname else None)] = 1
        out = []
        for i, (mod, names) in enumerate(groups.items()):
            text = f"from {mod} import " + ", ".join(n + (f" as {x}" if x else "") for n, x in names)
            line = cst.parse_statement(text + "\n")
            out.append(line.with_changes(leading_lines=u.leading_lines if i == 0 else [], trailing_whitespace=u.trailing_whitespace if i == 0 else line.trailing_whitespace))
        if not out:
            if any(l.comment for l in o.leading_lines): problems.append(f"{self.where}: comment lost: {[l.comment.value for l in o.leading_lines if l.comment]}")
            return cst.RemovalSentinel.REMOVE
        return cst.FlattenSentinel(out)

def rewrite(source, where, old, new):
    wrapper = MetadataWrapper(cst.parse_module(source))
    return wrapper.visit(Rewriter(where, old, new)).code

FRESH = {n for n in NEW.values() if n not in MODULES}
STR = re.compile(r"\brecovery_research((?:[./][A-Za-z_]\w*)+)")
def fix_strings(text):
    """Dotted and slashed paths of old modules, wherever they are written."""
    def sub(m):
        sep = m.group(1)[0]; parts = re.split(r"[./]", m.group(1)[1:])
        dotted_parts = ".".join([PKG, *[p for p in parts if p != "py"]])
        if any(dotted_parts == n or dotted_parts.startswith(n + ".") for n in FRESH): return m.group(0)
        for k in range(len(parts), 0, -1):
            old = ".".join([PKG, *parts[:k]])
            if old in NEW or old in OLDROOMS:
                if old in NEW and old in OLDROOMS.values(): continue
                new = NEW.get(old) or OLDROOMS[old]
                rest = parts[k:]
                if rest and old in NEW and rest[0] != "py": rest[0] = renamed(old, rest[0])
                if sep == "/":
                    return "/".join([new.replace(".", "/"), *rest]) if not (rest and rest[0] == "py") else new.replace(".", "/") + ".py" + "".join("/" + x for x in rest[1:])
                return ".".join([new, *rest])
        return m.group(0)
    return STR.sub(sub, text)

def split(source):
    """Docstring, import statements, the rest, of a module's source."""
    tree = ast.parse(source); lines = source.splitlines(keepends=True)
    doc, imports, taken = None, [], set()
    for i, node in enumerate(tree.body):
        if i == 0 and isinstance(node, ast.Expr) and isinstance(getattr(node, "value", None), ast.Constant) and isinstance(node.value.value, str):
            doc = "".join(lines[node.lineno - 1 : node.end_lineno]); taken.update(range(node.lineno - 1, node.end_lineno))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(("run", node, "".join(lines[node.lineno - 1 : node.end_lineno]))); taken.update(range(node.lineno - 1, node.end_lineno))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for sub in (s for s in node.body if not isinstance(s, ast.Pass)): imports.append(("check", sub, ""))
            taken.update(range(node.lineno - 1, node.end_lineno))
    rest = "".join(l for i, l in enumerate(lines) if i not in taken)
    return doc, imports, rest.strip("\n") + "\n"

def bindings(source):
    """Top-level names that a source defines, with the text of each."""
    tree = ast.parse(source); out = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)): out[node.name] = ast.unparse(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for t in (node.targets if isinstance(node, ast.Assign) else [node.target]):
                for n in ast.walk(t):
                    if isinstance(n, ast.Name): out[n.id] = ast.unparse(node)
    return out

def build(new):
    doc, parts = LAYOUT[new]
    newmod = f"{PKG}.{new}"
    texts = []
    for part in parts:
        old = f"{PKG}.{part}"
        src = MODULES[old].read_text("utf-8")
        src = def_rename(src, old)
        texts.append((part, rewrite(src, part, old, newmod)))
    run, check, rest, docs = {}, {}, [], []
    defined = {}
    for part, text in texts:
        d, imports, body = split(text); docs.append(d)
        for kind, node, _ in imports:
            for al in node.names:
                key = ("import", al.name, al.asname) if isinstance(node, ast.Import) else ("from", ("." * node.level) + (node.module or ""), al.name, al.asname)
                (run if kind == "run" else check)[key] = 1
        b = bindings(body)
        drop = set()
        for n, t in b.items():
            if n in defined:
                if defined[n][1] == t: drop.add(n)
                else: problems.append(f"CLASH {new}: {n} in {defined[n][0]} and {part}")
            else: defined[n] = (part, t)
        if drop: body = remove_definitions(body, drop)
        rest.append(body)
    for key in list(run):
        bound = key[-1] or (key[-2] if key[0] == "from" else key[1].split(".")[0])
        if bound in defined: problems.append(f"CLASH {new}: import of {key} against definition in {defined[bound][0]}")
    seen = {}
    for key in [*run, *check]:
        bound = key[-1] or (key[-2] if key[0] == "from" else key[1])
        if bound in seen and seen[bound] != key: problems.append(f"CLASH {new}: two imports {key} and {seen[bound]}")
        seen[bound] = key
    for key in list(check):
        if key in run: del check[key]
    def line(key):
        if key[0] == "import": return f"import {key[1]}" + (f" as {key[2]}" if key[2] else "")
        return f"from {key[1]} import {key[2]}" + (f" as {key[3]}" if key[3] else "")
    if doc and doc.startswith("@"):
        at = [p.rsplit(".", 1)[-1] for p in parts].index(doc[1:])
        docs.insert(0, docs.pop(at)); doc = None
    future = [k for k in run if k[1] == "__future__"]
    out = [f'"""{doc}"""\n' if doc else docs[0], "\n"]
    if doc:
        extra = []
        for d in docs:
            body = ast.literal_eval(d) if d else ""
            more = body.split("\n", 1)[1].strip("\n") if "\n" in body else ""
            if more.strip(): extra.append(more.rstrip())
        if extra: out[0] = f'"""{doc}\n\n' + "\n\n".join(extra) + '\n"""\n'
    out += [line(k) + "\n" for k in future] + ["\n"]
    if check and not any(k[-2] == "TYPE_CHECKING" for k in run): run[("from", "typing", "TYPE_CHECKING", None)] = 1
    if not check: run.pop(("from", "typing", "TYPE_CHECKING", None), None)
    out += [line(k) + "\n" for k in run if k not in future] + ["\n"]
    if check: out += ["if TYPE_CHECKING:\n"] + ["    " + line(k) + "\n" for k in check] + ["\n"]
    alls = [b for b in rest if "__all__" in b]
    return "".join(out) + "\n\n".join(rest)

def remove_definitions(body, names):
    tree = ast.parse(body); lines = body.splitlines(keepends=True); gone = set()
    for node in tree.body:
        got = set()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): got = {node.name}
        elif isinstance(node, ast.Assign): got = {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign): got = {node.target.id}
        if got and got <= names:
            start = min([node.lineno, *[d.lineno for d in getattr(node, "decorator_list", [])]])
            gone.update(range(start - 1, node.end_lineno))
    return "".join(l for i, l in enumerate(lines) if i not in gone)

def def_rename(src, old):
    short = old.removeprefix(PKG + ".")
    for (m, name), to in RENAME.items():
        if m == short:
            src = re.sub(rf"^((?:async )?def|class) {re.escape(name)}\b", rf"\1 {to}", src, flags=re.M)
            # uses: every whole word that is not an attribute or a keyword argument
            src = re.sub(rf"(?<![\w.\"']){re.escape(name)}\b(?!\s*=[^=])", to, src)
            src = re.sub(rf"^{re.escape(name)}(?=\s*(:[^=\n]+)?=[^=])", to, src, flags=re.M)
    return src

def main():
    files = {}
    for new in LAYOUT:
        if any(f"{PKG}.{x}" not in MODULES for x in LAYOUT[new][1]): continue
        files[P / (new.replace(".", "/") + ".py")] = build(new)
    others = {}
    for folder in ("tests",):
        for p in sorted((ROOT / folder).rglob("*.py")):
            src = p.read_text("utf-8"); others[p] = rewrite(src, p.relative_to(ROOT).as_posix(), None, None)
    for name in (*KEEP, *OLDROOMS):
        p = MODULES[name]; others[p] = rewrite(p.read_text("utf-8"), name, name, name)
    print("\n".join(problems)); print(len(problems), "problems;", len(files), "new modules")
    if DRY: return
    for new, (_, parts) in LAYOUT.items():
        if any(f"{PKG}.{x}" not in MODULES for x in parts): continue
    def git(*a): subprocess.run(["git", *a], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for room, doc in ROOM_DOCS.items(): (P / room).mkdir(exist_ok=True)
    for old, new in (("analyses", "analysis"), ("customers", "customer_data"), ("reporting", "reports")):
        git("mv", f"{PKG}/{old}/__init__.py", f"{PKG}/{new}/__init__.py")
    if (P / "reporting/templates").exists(): git("mv", f"{PKG}/reporting/templates", f"{PKG}/reports/templates")
    for room, doc in ROOM_DOCS.items():
        if not (P / room / "__init__.py").exists(): (P / room / "__init__.py").write_text(f'"""{doc}"""\n', "utf-8")
    for new, (_, parts) in LAYOUT.items():
        target = P / (new.replace(".", "/") + ".py")
        first = MODULES[f"{PKG}.{parts[0]}"]
        if first != target: git("mv", "-f", str(first.relative_to(ROOT)), str(target.relative_to(ROOT)))
        for part in parts[1:]:
            if MODULES[f"{PKG}.{part}"] not in files: git("rm", "-qf", str(MODULES[f"{PKG}.{part}"].relative_to(ROOT)))
    for p, text in files.items(): p.write_text(fix_strings(text), "utf-8")
    moved = {MODULES[k]: P / OLDROOMS[k].rsplit(".", 1)[1] / "__init__.py" for k in OLDROOMS}
    for p, text in others.items(): moved.get(p, p).write_text(fix_strings(text), "utf-8")
    toml = ROOT / "tests/mutants.toml"
    text = toml.read_text("utf-8")
    def place(found):
        old = PKG + "." + found.group(1).replace("/", ".")
        return 'file = "' + (NEW[old].removeprefix(PKG + ".").replace(".", "/") if old in NEW else found.group(1)) + '.py"'
    toml.write_text(re.sub(r'file = "([\w/]+)\.py"', place, text), "utf-8")
    front = P / "__init__.py"
    text = front.read_text("utf-8"); begin = text.index("submod_attrs={") + len("submod_attrs="); end = text.index("\n    },\n", begin) + 6
    told = {}
    for old, names in ast.literal_eval(text[begin:end]).items():
        told.setdefault(NEW[f"{PKG}.{old}"].removeprefix(PKG + "."), []).extend(names)
    front.write_text(text[:begin] + repr({k: sorted(v) for k, v in sorted(told.items())}) + text[end:], "utf-8")
    reports = P / "reports/__init__.py"
    def lazy2(found):
        old = PKG + ".reporting." + found.group(1)
        return '"' + NEW[old].rsplit(".", 1)[1] + '": [' if old in NEW else found.group(0)
    reports.write_text(re.sub(r'"([\w.]+)": \[', lazy2, reports.read_text("utf-8")), "utf-8")
    for p in sorted((ROOT / "notebooks").glob("*.ipynb")):
        nb = json.loads(p.read_text("utf-8")); cells = [c for c in nb["cells"] if c["cell_type"] == "code"]
        mark = "\n#~~~ next cell\n"
        done = rewrite(mark.join("".join(c["source"]) for c in cells) + "\n", p.name, None, None).rstrip("\n").split(mark.strip("\n"))
        assert len(done) == len(cells), p
        for c, t in zip(cells, done): c["source"] = t.strip("\n").splitlines(keepends=True)
        p.write_text(json.dumps(nb, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for pattern in ("notebooks/*.ipynb", "*.md", "*.toml", "*.yml", "Makefile", "tests/*.toml", "tests/**/*.md", "tests/**/*.R", "data/*.md", "reports/README.md", ".ci/run", "*.cff"):
        for p in ROOT.glob(pattern):
            t = p.read_text("utf-8"); f = fix_strings(t)
            if f != t: p.write_text(f, "utf-8")
main()
