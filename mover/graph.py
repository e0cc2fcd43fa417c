import ast, sys, collections
from pathlib import Path
sys.path.insert(0,'mover')
from layout import LAYOUT
P=Path('recovery_research'); PKG='recovery_research'
NEW={p:n for n,(_,ps) in LAYOUT.items() for p in ps}
edges=collections.defaultdict(set)
def mod(p): return ".".join(p.relative_to(P).with_suffix("").parts)
top='--top' in sys.argv
for p in P.rglob('*.py'):
    m=mod(p)
    if m not in NEW: continue
    t=ast.parse(p.read_text())
    check=set()
    for n in ast.walk(t):
        if isinstance(n,ast.If) and 'TYPE_CHECKING' in ast.unparse(n.test):
            for s in ast.walk(n): check.add(id(s))
    nodes = t.body if top else ast.walk(t)
    for n in nodes:
        if id(n) in check: continue
        names=[]
        if isinstance(n,ast.ImportFrom):
            base=n.module or ''
            if n.level:
                pre=m.split('.')[:-n.level]
                base='.'.join([PKG,*pre]+([n.module] if n.module else []))
            if base==PKG or base.startswith(PKG+'.'):
                b=base.removeprefix(PKG).lstrip('.')
                for a in n.names:
                    full=(b+'.' if b else '')+a.name
                    names.append(full if full in NEW else b)
        for x in names:
            if x in NEW and NEW[x]!=NEW[m]: edges[NEW[m]].add((NEW[x],m,x))
rooms=collections.defaultdict(lambda: collections.defaultdict(set))
for a,bs in edges.items():
    for b,m,x in bs:
        ra,rb=a.split('.')[0],b.split('.')[0]
        if ra!=rb: rooms[ra][rb].add(f"{m}->{x}")
for ra in rooms:
    for rb in rooms[ra]: print(ra,'->',rb, len(rooms[ra][rb]), sorted(rooms[ra][rb])[:6])
g={a:{b for b,_,_ in bs} for a,bs in edges.items()}
# tarjan
idx={};low={};st=[];on=set();out=[];c=[0]
sys.setrecursionlimit(10000)
def sc(v):
    idx[v]=low[v]=c[0];c[0]+=1;st.append(v);on.add(v)
    for w in g.get(v,()):
        if w not in idx: sc(w);low[v]=min(low[v],low[w])
        elif w in on: low[v]=min(low[v],idx[w])
    if low[v]==idx[v]:
        comp=[]
        while True:
            w=st.pop();on.discard(w);comp.append(w)
            if w==v:break
        if len(comp)>1: out.append(comp)
for v in list(g): 
    if v not in idx: sc(v)
print('CIRCLES'); 
for comp in out:
    print(comp)
    for a in comp:
        for b,m,x in sorted(edges[a]):
            if b in comp: print('   ',a,'->',b,':',m,'->',x)
