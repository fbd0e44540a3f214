#!/usr/bin/env python3
"""Writes the catalogue, the texts, the encodings, the API and the expected records.

    python3 data/generate.py           rewrite what is generated
    python3 data/generate.py --check   write nothing; exit 1 if the tree differs

Facts and phrases live in `source/`; the recipes and queries are written by hand.
The same bytes come out of every run: no clock, no randomness, no compressor.
Expected records are computed from the facts, never by reading the pages back.
"""

import csv
import hashlib
import html
import json
import re
import struct
import sys
import zlib
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "source"
HOST = "https://elements.example"
UPDATED = "2026-11-01"
PER_PAGE = 20

# Written in full by this program: anything else found below these is removed.
OWNED = ["site", "texts", "encodings", "api", "recipes/expected"]
# Written by hand inside an owned folder, and left alone.
HAND_WRITTEN = re.compile(r"^api/[^/]*\.toml$")


# ---------------------------------------------------------------- the facts

NOBLE = [("Rn", 86), ("Xe", 54), ("Kr", 36), ("Ar", 18), ("Ne", 10), ("He", 2)]
FILLING = ["1s", "2s", "2p", "3s", "3p", "4s", "3d", "4p", "5s", "4d", "5p", "6s", "4f", "5d", "6p",
           "7s", "5f", "6d", "7p"]
CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}
# Ground states that do not follow the filling order.
EXCEPTIONS = {
    "Cr": "[Ar] 3d5 4s1", "Cu": "[Ar] 3d10 4s1", "Nb": "[Kr] 4d4 5s1", "Mo": "[Kr] 4d5 5s1",
    "Ru": "[Kr] 4d7 5s1", "Rh": "[Kr] 4d8 5s1", "Pd": "[Kr] 4d10", "Ag": "[Kr] 4d10 5s1",
    "La": "[Xe] 5d1 6s2", "Ce": "[Xe] 4f1 5d1 6s2", "Gd": "[Xe] 4f7 5d1 6s2",
    "Pt": "[Xe] 4f14 5d9 6s1", "Au": "[Xe] 4f14 5d10 6s1", "Ac": "[Rn] 6d1 7s2",
    "Th": "[Rn] 6d2 7s2", "Pa": "[Rn] 5f2 6d1 7s2", "U": "[Rn] 5f3 6d1 7s2",
    "Np": "[Rn] 5f4 6d1 7s2", "Cm": "[Rn] 5f7 6d1 7s2", "Lr": "[Rn] 5f14 7s2 7p1",
}
CATEGORIES = {
    "alkali metal": "Li Na K Rb Cs Fr",
    "alkaline earth metal": "Be Mg Ca Sr Ba Ra",
    "transition metal": "Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Tc Ru Rh Pd Ag Cd "
                        "Hf Ta W Re Os Ir Pt Au Hg Rf Db Sg Bh Hs Cn",
    "post-transition metal": "Al Ga In Sn Tl Pb Bi Po",
    "metalloid": "B Si Ge As Sb Te",
    "nonmetal": "H C N O P S Se",
    "halogen": "F Cl Br I At",
    "noble gas": "He Ne Ar Kr Xe Rn",
    "lanthanide": "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "actinide": "Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
    "unknown properties": "Mt Ds Rg Nh Fl Mc Lv Ts Og",
}
COLOURS = {
    "alkali metal": (214, 69, 65), "alkaline earth metal": (230, 126, 34),
    "transition metal": (52, 103, 170), "post-transition metal": (94, 140, 106),
    "metalloid": (139, 119, 60), "nonmetal": (72, 160, 72), "halogen": (150, 200, 60),
    "noble gas": (120, 90, 180), "lanthanide": (200, 110, 160), "actinide": (170, 80, 110),
    "unknown properties": (128, 128, 128),
}
GASES = "H N O F Cl He Ne Ar Kr Xe Rn".split()
LIQUIDS = "Br Hg".split()
PERIOD_STARTS = [1, 3, 11, 19, 37, 55, 87, 119]


class Num(str):
    """A number that keeps its digits on the way into JSON."""


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", fold(text).lower()).strip("-")


def fold(text):
    """ASCII letters for the accented ones that occur among the discoverers."""
    return text.translate(str.maketrans("éèöôäüøØçíáñÉÖ", "eeooauoOcianEO"))


def period_of(number):
    return next(p for p in range(1, 8) if number < PERIOD_STARTS[p])


def group_of(number):
    """IUPAC's group, lutetium and lawrencium in group 3; None in the f-block."""
    if number in (1, 2):
        return {1: 1, 2: 18}[number]
    period = period_of(number)
    place = number - PERIOD_STARTS[period - 1] + 1
    if period <= 3:
        return place if place <= 2 else place + 10
    if period <= 5 or place <= 2:
        return place
    return None if place <= 16 else place - 14


def block_of(number):
    if number == 2:
        return "s"
    group = group_of(number)
    if group is None:
        return "f"
    return "s" if group <= 2 else "d" if group <= 12 else "p"


def filled(number):
    """Subshells of the filling order, by shell: [(subshell, electrons)]."""
    left, out = number, []
    for sub in FILLING:
        if left <= 0:
            break
        take = min(left, CAPACITY[sub[1]])
        out.append((sub, take))
        left -= take
    return out


def configuration(number, symbol):
    if symbol in EXCEPTIONS:
        return EXCEPTIONS[symbol]
    core, inside = next(((s, n) for s, n in NOBLE if n < number), ("", 0))
    outer = filled(number)[len(filled(inside)):]
    outer.sort(key=lambda part: (part[0][0], "spdf".index(part[0][1])))
    text = " ".join(f"{sub}{count}" for sub, count in outer)
    return f"[{core}] {text}" if core else text


def shells(conf):
    """Electrons by shell, from a configuration with or without a noble-gas core."""
    counts = {}
    if conf.startswith("["):
        core = conf[1:conf.index("]")]
        parts = filled(dict(NOBLE)[core])
        rest = conf[conf.index("]") + 2:]
    else:
        parts, rest = [], conf
    parts = parts + [(p[:2], int(p[2:])) for p in rest.split()]
    for sub, count in parts:
        counts[int(sub[0])] = counts.get(int(sub[0]), 0) + count
    return [counts[n] for n in sorted(counts)]


class Element:
    def __init__(self, row):
        self.number = int(row["number"])
        self.symbol, self.name, self.weight = row["symbol"], row["name"], row["weight"]
        self.density, self.melt, self.boil = row["density"], row["melt"], row["boil"]
        self.year = row["year"]
        self.discoverers = [d for d in row["discoverers"].split("; ") if d]
        self.slug = slug(self.name)
        self.period, self.group = period_of(self.number), group_of(self.number)
        self.block = block_of(self.number)
        self.category = next(c for c, s in CATEGORIES.items() if self.symbol in s.split())
        self.configuration = configuration(self.number, self.symbol)
        self.shells = shells(self.configuration)
        self.stable = self.number <= 82 and self.number not in (43, 61)

    @property
    def weight_number(self):
        return Num(self.weight.strip("[]"))

    @property
    def state(self):
        if self.symbol in GASES:
            return "gas"
        if self.symbol in LIQUIDS:
            return "liquid"
        return "unknown" if self.number >= 104 else "solid"

    @property
    def tags(self):
        group = [f"group {self.group}"] if self.group else []
        return [self.category, f"period {self.period}", *group, f"{self.block}-block"]

    @property
    def origin(self):
        """The sentence about its discovery."""
        if not self.year:
            return f"{self.name} has been known since antiquity."
        return f"{self.name} was discovered in {self.year} by {joined(self.discoverers)}."


def joined(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def load():
    with open(SOURCE / "elements.csv", encoding="utf-8", newline="") as f:
        elements = [Element(row) for row in csv.DictReader(f)]
    with open(SOURCE / "names.csv", encoding="utf-8", newline="") as f:
        names = {row["symbol"]: row for row in csv.DictReader(f)}
    phrases = json.loads((SOURCE / "phrases.json").read_text("utf-8"))
    assert [e.number for e in elements] == list(range(1, 119))
    return elements, names, phrases


# ------------------------------------------------------- bytes without a compressor

def stored(data):
    """Deflate in stored blocks: the same bytes from every zlib."""
    out, pieces = b"", [data[i:i + 65535] for i in range(0, len(data), 65535)] or [b""]
    for i, piece in enumerate(pieces):
        size = len(piece)
        out += struct.pack("<BHH", i == len(pieces) - 1, size, size ^ 0xFFFF) + piece
    return out


def gzipped(data):
    head = b"\x1f\x8b\x08\x00" + b"\0\0\0\0" + b"\x00\xff"
    return head + stored(data) + struct.pack("<II", zlib.crc32(data), len(data))


def png(colour, side=12):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes(colour) * side for _ in range(side))
    body = b"\x78\x01" + stored(rows) + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def dumps(value, indent=None):
    """JSON whose `Num`s keep their digits."""
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dumps(v) for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def jsonl(records):
    return "".join(dumps(r) + "\n" for r in records).encode()


def pretty(value):
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


# ---------------------------------------------------------------- the site

esc = html.escape


def page(path, title, body, *, description, head="", lang="en"):
    """A whole page; `path` is relative to the site, and all its links are relative."""
    up = "../" * path.count("/")
    nav = "".join(f'<li><a href="{up}{href}">{text}</a></li>' for href, text in [
        ("index.html", "Home"), ("elements/page-1.html", "Elements"), ("groups/index.html", "Groups"),
        ("periods/index.html", "Periods"), ("categories/index.html", "Categories"),
        ("legacy/index.html", "Legacy pages"), ("about.html", "About")])
    return f"""<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{esc(title)}</title>
<meta name="description" content="{esc(description)}">
<link rel="canonical" href="{HOST}/{path}">
<link rel="stylesheet" href="{up}style.css">
<link rel="icon" type="image/png" href="{up}img/favicon.png">
<meta property="og:title" content="{esc(title)}">
<meta property="og:type" content="website">
<meta property="og:url" content="{HOST}/{path}">
<meta property="og:image" content="{HOST}/img/favicon.png">
{head}</head>
<body>
<header><a href="{up}index.html"><img class="logo" src="{up}img/favicon.png" alt="Elements"></a>
<nav><ul>{nav}</ul></nav></header>
<main>
{body}
</main>
<footer><p>Updated <time datetime="{UPDATED}">1 November 2026</time>. <a href="{up}about.html#sources">Sources</a></p></footer>
</body>
</html>
""".encode()


def json_ld(value):
    text = json.dumps(value, ensure_ascii=False, indent=1).replace("<", "\\u003c")
    return f'<script type="application/ld+json">\n{text}\n</script>\n'


def grouped(kelvin):
    whole, dot, rest = kelvin.partition(".")
    return f"{int(whole):,}{dot}{rest}"


def temperature(kelvin):
    return f"{grouped(kelvin)} K ({Decimal(kelvin) - Decimal('273.15')} °C)"


def article_a(word):
    return "an" if word[0] in "aeiou" else "a"


def short(name):
    return name if len(name) <= 10 else name[:8] + "..."


def image_of(e):
    return f"../img/{slug(e.category)}.png"


def description_of(e):
    kind = f"{article_a(e.category)} {e.category}" if e.category != "unknown properties" else "an element of unknown properties"
    return f"{e.name} ({e.symbol}) is {kind} with atomic number {e.number}."


def summary_of(e):
    state = "is not known" if e.state == "unknown" else f"is {e.state}"
    return f"{description_of(e)} Its state at room temperature {state}."


def element_page(e, elements):
    rows = [("Symbol", e.symbol), ("Atomic number", str(e.number)),
            ("Standard atomic weight", f"{e.weight} u"),
            ("Group", str(e.group) if e.group else "none (f-block)"), ("Period", str(e.period))]
    rows += [("Density", f"{e.density} g/cm³")] if e.density else []
    rows += [("Melting point", temperature(e.melt))] if e.melt else []
    rows += [("Boiling point", temperature(e.boil))] if e.boil else []
    table = "\n".join(f'<tr><th scope="row">{k}</th><td>{esc(v)}</td></tr>' for k, v in rows)
    conf = re.sub(r"(\d[spdf])(\d+)", r"\1<sup>\2</sup>", e.configuration)
    before = elements[e.number - 2] if e.number > 1 else None
    after = elements[e.number] if e.number < 118 else None
    neighbours = "".join(
        f'<li class="{side}"><a rel="{side}" href="{o.slug}.html">{o.name}</a></li>'
        for side, o in (("prev", before), ("next", after)) if o)
    listing = (e.number - 1) // PER_PAGE + 1
    if e.category == "unknown properties":
        images = f'<img src="{image_of(e)}" alt="{e.name}">'
    else:
        images = (f'<img class="badge" src="../img/favicon.png" alt=""> '
                  f'<img class="main" src="{image_of(e)}" alt="{e.name}">')
    people = "".join(f"<li>{esc(d)}</li>" for d in e.discoverers)
    people = f'<ul class="discoverers">{people}</ul>\n' if people else ""
    tags = "".join(f"<li>{t}</li>" for t in e.tags)
    summary = esc(summary_of(e)).replace(f"{e.name} (", f"<em>{e.name}</em>\n   (", 1).replace(". Its", ".\n\n   Its", 1)
    state = json.dumps({"element": {"number": e.number, "symbol": e.symbol, "block": e.block,
                                    "state": e.state, "shells": e.shells}}).replace("<", "\\u003c")
    electrons = json.dumps({"text": ", ".join(map(str, e.shells)), "count": len(e.shells)})
    body = f"""<nav class="breadcrumb"><ol><li><a href="../index.html">Home</a></li><li><a href="page-{listing}.html">Elements</a></li><li>{e.name}</li></ol></nav>
<article class="detail" id="{e.symbol}" data-stable="{str(e.stable).lower()}">
<h1>{e.name}</h1>
<p class="summary">
   {summary}
</p>
{images}
<table class="properties">
<caption>Properties of {e.name.lower()}</caption>
<tbody>
{table}
</tbody>
</table>
<dl>
<dt>Electron configuration</dt><dd>{conf}</dd>
<dt>Block</dt><dd>{e.block}</dd>
<dt>Category</dt><dd><a class="category" href="../categories/{slug(e.category)}.html">{e.category}</a></dd>
</dl>
<p class="note">See also <a href="../periods/period-{e.period}.html">period {e.period}</a>{f' and <a href="../groups/group-{e.group}.html">group {e.group}</a>' if e.group else ''}.</p>
<p class="history">{esc(e.origin)}</p>
{people}<ul class="tags">{tags}</ul>
<p><a class="external" rel="nofollow noopener external" href="https://encyclopedia.example/wiki/{e.name}">More about {e.name.lower()}</a></p>
</article>
<ul class="neighbours">{neighbours}</ul>
<script id="state" type="application/json">{state}</script>
<script>
var electrons = {electrons};
document.title = document.title + " [" + electrons.count + "]";
</script>"""
    head = json_ld({"@context": "https://schema.org", "@type": "ChemicalSubstance", "name": e.name,
                    "identifier": e.symbol, "description": description_of(e),
                    "url": f"{HOST}/elements/{e.slug}.html"})
    head += "".join(f'<link rel="{side}" href="{o.slug}.html">\n' for side, o in (("prev", before), ("next", after)) if o)
    return page(f"elements/{e.slug}.html", f"{e.name} ({e.symbol})", body, description=description_of(e), head=head)


def listing_pages(elements):
    pages = [elements[i:i + PER_PAGE] for i in range(0, len(elements), PER_PAGE)]
    out = {}
    for n, chunk in enumerate(pages, 1):
        entries = "\n".join(f"""<article class="element" id="{e.symbol}">
<h3><a href="{e.slug}.html" title="{e.name}">{short(e.name)}</a></h3>
<p><span class="number">No. {e.number}</span> <span class="symbol">{e.symbol}</span> <span class="weight">{e.weight} u</span></p>
<ul class="tags">{''.join(f'<li>{t}</li>' for t in e.tags)}</ul>
</article>""" for e in chunk)
        prev = f'<li class="previous"><a rel="prev" href="page-{n - 1}.html">previous</a></li>' if n > 1 else ""
        nxt = f'<li class="next"><a rel="next" href="page-{n + 1}.html">next</a></li>' if n < len(pages) else ""
        body = f"""<h1>Elements, page {n} of {len(pages)}</h1>
{entries}
<ul class="pager">{prev}<li class="current">Page {n} of {len(pages)}</li>{nxt}</ul>"""
        head = f'<link rel="next" href="page-{n + 1}.html">\n' if nxt else ""
        head += f'<link rel="prev" href="page-{n - 1}.html">\n' if prev else ""
        out[f"elements/page-{n}.html"] = page(f"elements/page-{n}.html", f"Elements, page {n} of {len(pages)}", body,
                                              description=f"The chemical elements {chunk[0].number} to {chunk[-1].number}.", head=head)
    return out


def period_rows(members):
    """Rows of a period's table; one category cell spans its consecutive elements."""
    rows, i = [], 0
    while i < len(members):
        run = i
        while run < len(members) and members[run].category == members[i].category:
            run += 1
        for k in range(i, run):
            e = members[k]
            span = f' rowspan="{run - i}"' if run - i > 1 else ""
            cell = f"<td{span}>{e.category}</td>" if k == i else ""
            rows.append(f'<tr><td>{e.number}</td><td>{e.symbol}</td><td><a href="../elements/{e.slug}.html">{e.name}</a></td>'
                        f"{cell}<td>{e.weight}</td></tr>")
        i = run
    return "\n".join(rows)


def collection(folder, title, entries):
    """An index and a page for each of a folder's collections: entries are (file, heading, members)."""
    out = {}
    for name, heading, members in entries:
        path = f"{folder}/{name}.html"
        if folder == "periods":
            inner = ('<table class="elements"><thead><tr><th>No.</th><th>Symbol</th><th>Element</th><th>Category</th>'
                     f"<th>Weight</th></tr></thead>\n<tbody>\n{period_rows(members)}\n</tbody></table>")
        else:
            inner = "<ul class=\"members\">" + "".join(
                f'<li><a href="../elements/{e.slug}.html">{e.name}</a></li>' for e in members) + "</ul>"
        graph = {"@context": "https://schema.org", "@graph": [
            {"@type": "CollectionPage", "@id": f"{HOST}/{path}", "name": heading},
            {"@type": "ItemList", "name": heading, "numberOfItems": len(members),
             "itemListElement": [{"@type": "ListItem", "position": i, "name": e.name, "url": f"{HOST}/elements/{e.slug}.html"}
                                 for i, e in enumerate(members, 1)]}]}
        out[path] = page(path, heading, f"<h1>{heading}</h1>\n<p class=\"count\">{len(members)} elements</p>\n{inner}",
                         description=f"{heading}: {len(members)} elements.", head=json_ld(graph))
    links = "".join(f'<li><a href="{name}.html">{heading}</a> ({len(m)})</li>' for name, heading, m in entries)
    out[f"{folder}/index.html"] = page(f"{folder}/index.html", title, f"<h1>{title}</h1>\n<ul>{links}</ul>",
                                       description=f"{title} of the periodic table.")
    return out


def collections(elements):
    out = {}
    out |= collection("groups", "Groups", [
        (f"group-{g}", f"Group {g}", [e for e in elements if e.group == g]) for g in range(1, 19)])
    out |= collection("periods", "Periods", [
        (f"period-{p}", f"Period {p}", [e for e in elements if e.period == p]) for p in range(1, 8)])
    out |= collection("categories", "Categories", [
        (slug(c), c.capitalize(), [e for e in elements if e.category == c]) for c in CATEGORIES])
    return out


def front_page(elements):
    ld = json_ld({"@context": "https://schema.org", "@graph": [
        {"@type": "WebSite", "name": "The chemical elements", "url": f"{HOST}/"},
        {"@type": "Organization", "name": "Elements Example", "url": f"{HOST}/about.html"}]})
    first = "".join(f'<li><a href="elements/{e.slug}.html">{e.name}</a></li>' for e in elements[:10])
    return page("index.html", "The chemical elements", f"""<h1>The chemical elements</h1>
<p>All <strong>118</strong> known elements, one page each.</p>
<ul class="first">{first}</ul>
<p><a href="elements/page-1.html">All elements</a>, by <a href="groups/index.html">group</a>, <a href="periods/index.html">period</a>
or <a href="categories/index.html">category</a>. Odd pages: <a href="based.html">with a base</a>, <a href="broken.html">broken</a>,
<a href="legacy/">in old encodings</a>. <a href="private/index.html">Private</a> and <a href="private/notice.html">its notice</a>.</p>
<p><a href="notes.txt">Notes</a>, <a href="sitemap.xml">site map</a>.</p>""", description="A catalogue of the 118 chemical elements.", head=ld)


def about_page():
    return page("about.html", "About", """<h1>About</h1>
<p>This catalogue is written for tests and demonstrations.</p>
<h2 id="sources">Sources</h2>
<p>Public facts: names, weights, densities, melting and boiling points.</p>
<p class="kinds">
<a href="mailto:hello@elements.example">Mail</a>
<a href="tel:+0-000-0000">Phone</a>
<a href="javascript:void(0)">Script</a>
<a href="#sources">Fragment</a>
<a href="?page=2">Query only</a>
<a href="//cdn.example/tile.png" rel="nofollow">No scheme</a>
<a href="/index.html">From the root</a>
<a href="./elements/../elements/iron.html">Dots</a>
<a href="elements/iron.html#Fe">Iron</a>
<a href="elements/iron.html">Iron again</a>
<a href="  elements/gold.html
">White space</a>
<a href="elements/tin.html?from=about&amp;lang=en">Entities</a>
<a>No target</a>
<a href="">Empty</a>
<a href="https://partner.example/" rel="sponsored nofollow">Partner</a>
</p>
<map name="m"><area shape="rect" coords="0,0,9,9" href="elements/silver.html" alt="Silver"></map>
<img src="img/nonmetal.png" srcset="img/nonmetal.png 1x, img/halogen.png 2x" alt="">
""", description="What this catalogue is, and every kind of link.",
                head='<link rel="alternate" hreflang="de" href="legacy/windows-1252.html">\n')


def based_page():
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A page with a base</title>
<base href="{HOST}/elements/">
<base href="https://second.example/">
</head><body>
<h1>A page with a base</h1>
<p>The first base counts; the second does not.</p>
<ul><li><a href="iron.html">Iron</a></li><li><a href="../about.html">About</a></li><li><a href="/index.html">Home</a></li></ul>
<img class="main" src="../img/metalloid.png" alt="">
</body></html>
""".encode()


BASED_RECORD = {"title": "A page with a base", "first": f"{HOST}/elements/iron.html",
                "links": [f"{HOST}/elements/iron.html", f"{HOST}/about.html", f"{HOST}/index.html"],
                "image": f"{HOST}/img/metalloid.png"}


def broken_page():
    """Unclosed tags, bad nesting, a doubled attribute, bytes that are no UTF-8, a dead link, a cut end."""
    return (b"""<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8><title>Broken &amp; bent</title>
<body class="first" class="second">
<h1>Broken <i>and <b>bent</i> here</b></h1>
<p class=intro>An unclosed paragraph
<p class=intro>Stray bytes: [\xff\xfe\x80] and a lone &ampersand, &#x110000; and &notanentity;
<table><tr><td>one<td>two<tr><td>three<p>foster</table>
<div><span>crossed</div></span>
<a href="elements/iron.html" href="elements/gold.html">First attribute wins</a>
<a href=elements/tin.html>No quotes</a>
<a href="no-such-page.html">Dead link</a>
<ul><li>a<li>b<li><ul><li>c</ul></ul>
<!-- a comment -- with dashes --!>
<p id=last>The end is <em>missing</p><a href="elements/lead.html""")


def simple(title, text, lang="en"):
    return f'<!DOCTYPE html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title></head>\n<body><h1>{title}</h1>\n<p>{text}</p></body></html>\n'.encode()


# ------------------------------------------------------------ words of a language

def sentences(lang, e, names, phrases, start, count):
    """The facts of one element and `count` sentences of its language, from `start` on."""
    words = phrases[lang]
    weight = e.weight.strip("[]")
    facts = {"name": names[e.symbol][lang], "symbol": e.symbol, "number": e.number, "period": e.period,
             "weight": weight.replace(".", ",") if lang in COMMA else weight}
    pool = words["pool"]
    step = 3 if e.number % 2 else 5
    picked = [pool[(start + i * step) % len(pool)] for i in range(count)]
    gap = "" if lang in ("ja", "zh", "zht") else " "
    return [gap.join(f.format(**facts) for f in words["facts"])] + [gap.join(picked[i:i + 3]) for i in range(0, count, 3)]


COMMA = ("de", "fr", "es", "pl", "ru")
HTML_LANG = {"zh": "zh-Hans", "zht": "zh-Hant"}

# file, codec of the bytes, markup that declares it, BOM, codec a reader must use, language, element
LEGACY = [
    ("windows-1252", "cp1252", '<meta charset="windows-1252">', b"", "cp1252", "de", "Fe"),
    ("latin1-label", "cp1252", '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">', b"", "cp1252", "de", "Au"),
    ("iso-8859-2", "iso8859-2", '<meta charset="iso-8859-2">', b"", "iso8859-2", "pl", "Cu"),
    ("commented-meta", "iso8859-2", '<!-- <meta charset="koi8-r"> --><meta charset="latin2">', b"", "iso8859-2", "pl", "Zn"),
    ("windows-1251", "cp1251", '<meta charset="windows-1251">', b"", "cp1251", "ru", "Ag"),
    ("koi8-r", "koi8-r", '<meta charset="koi8-r">', b"", "koi8-r", "ru", "Hg"),
    ("shift_jis", "shift_jis", '<meta charset="shift_jis">', b"", "shift_jis", "ja", "Fe"),
    ("euc-jp", "euc-jp", '<meta charset="x-euc-jp">', b"", "euc-jp", "ja", "Zn"),
    ("euc-kr", "euc-kr", '<meta charset="euc-kr">', b"", "euc-kr", "ko", "Cu"),
    ("gb18030", "gb18030", '<meta charset="gb18030">', b"", "gb18030", "zh", "Au"),
    ("gb2312-label", "gb18030", '<meta http-equiv=content-type content="text/html;charset=gb2312">', b"", "gb18030", "zh", "Sn"),
    ("big5", "big5", '<meta charset="big5">', b"", "big5", "zht", "Pb"),
    ("utf-16le-bom", "utf-16-le", "", b"\xff\xfe", "utf-16-le", "fr", "O"),
    ("utf-8-bom", "utf-8", "", b"\xef\xbb\xbf", "utf-8", "es", "Na"),
    ("lying-bom", "utf-8", '<meta charset="windows-1251">', b"\xef\xbb\xbf", "utf-8", "fr", "C"),
    ("lying-meta", "utf-8", '<meta charset="windows-1252">', b"", "cp1252", "de", "S"),
    ("meta-utf-16", "utf-8", '<meta charset="utf-16">', b"", "utf-8", "fr", "N"),
    ("undeclared", "cp1251", "", b"", "cp1251", "ru", "U"),
]


def legacy_pages(elements, names, phrases):
    """The pages, and the record that each must give."""
    by_symbol = {e.symbol: e for e in elements}
    out, records = {}, []
    for i, (file, codec, meta, bom, read_as, lang, symbol) in enumerate(LEGACY):
        e = by_symbol[symbol]
        name = names[symbol][lang]
        paragraphs = sentences(lang, e, names, phrases, i, 6)
        if file == "latin1-label":
            paragraphs[0] += " „Gold“ kostet viele €."
        comma = lang in COMMA
        weight = e.weight.replace(".", ",") if comma else e.weight
        text = f"""<!DOCTYPE html>
<html lang="{HTML_LANG.get(lang, lang)}" class="legacy">
<head>{meta}
<title>{name} ({symbol})</title>
</head>
<body>
<h1>{name}</h1>
<p><span class="symbol">{symbol}</span> <span class="number">{e.number}</span> <span class="weight {'comma' if comma else 'point'}">{weight} u</span></p>
<p class="intro">{paragraphs[0]}</p>
{''.join(f'<p>{p}</p>' for p in paragraphs[1:])}
<p><a href="../elements/{e.slug}.html">{e.name}</a> <a href="index.html">*</a></p>
</body>
</html>
"""
        path = f"legacy/{file}.html"
        out[path] = bom + text.encode(codec)

        def seen(value):
            return value.encode(codec).decode(read_as)

        number = Num(e.weight)
        records.append({"_source": path, "title": seen(name), "lang": HTML_LANG.get(lang, lang), "symbol": symbol,
                        "number": Num(e.number), "weight": None if comma else number,
                        "weight_comma": number if comma else None, "intro": seen(paragraphs[0])})
    links = "".join(f'<li><a href="{row[0]}.html">{row[0]}</a></li>' for row in LEGACY)
    out["legacy/index.html"] = page("legacy/index.html", "Legacy pages", f"<h1>Legacy pages</h1>\n<ul>{links}</ul>",
                                    description="Pages in encodings older than UTF-8.")
    records.sort(key=lambda r: r["_source"])
    return out, records


def urlset(paths, base):
    urls = "".join(f"<url><loc>{esc(base + p)}</loc><lastmod>{UPDATED}</lastmod><changefreq>monthly</changefreq>"
                   f"<priority>{'1.0' if p == 'index.html' else '0.5'}</priority></url>\n" for p in paths)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{urls}</urlset>\n").encode()


def sitemaps(paths):
    index = "".join(f"<sitemap><loc>{loc}</loc><lastmod>{UPDATED}</lastmod></sitemap>\n"
                    for loc in ("sitemap-elements.xml.gz", "sitemap-others.xml"))
    elements = [p for p in paths if p.startswith("elements/")]
    others = [p for p in paths if not p.startswith("elements/")]
    return {
        "sitemap.xml": urlset(paths, HOST + "/"),
        "sitemap-index.xml": ('<?xml version="1.0" encoding="UTF-8"?>\n'
                              '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
                              f"{index}</sitemapindex>\n").encode(),
        "sitemap-elements.xml.gz": gzipped(urlset(elements, HOST + "/")),
        "sitemap-others.xml": urlset(others, HOST + "/"),
        "sitemap-relative.xml": urlset(paths, "/"),
    }


ROBOTS = b"""# The catalogue is open, but for one folder.
User-agent: *
Disallow: /private/
Allow: /private/notice.html

User-agent: greedybot
Disallow: /

Sitemap: /sitemap-relative.xml
"""


def site(elements, names, phrases):
    out = {"index.html": front_page(elements), "about.html": about_page(), "based.html": based_page(), "broken.html": broken_page()}
    out |= {f"elements/{e.slug}.html": element_page(e, elements) for e in elements}
    out |= listing_pages(elements)
    out |= collections(elements)
    legacy, records = legacy_pages(elements, names, phrases)
    out |= legacy
    out |= sitemaps(sorted(out))
    out |= {
        "404.html": simple("Not found", 'There is no such page. <a href="/index.html">Home</a>'),
        "private/index.html": simple("Private", 'robots.txt bars this folder. <a href="more.html">More</a>'),
        "private/more.html": simple("More", "Only a crawler that ignores robots.txt comes here."),
        "private/notice.html": simple("Notice", "robots.txt allows this one page of the folder."),
        "robots.txt": ROBOTS,
        "style.css": b"body{font:16px/1.5 sans-serif;max-width:60em;margin:auto}\ntable{border-collapse:collapse}\ntd,th{padding:.2em .6em;border:1px solid #ccc}\n.tags li{display:inline;margin-right:1em}\n",
        "notes.txt": "A plain text file, served as text/plain.\nIt is no page: a link finder must not look for links here: <a href=\"trap.html\">trap</a>\n".encode(),
        "img/favicon.png": png((30, 30, 60), 16),
    }
    out |= {f"img/{slug(c)}.png": png(COLOURS[c]) for c in CATEGORIES}
    return out, records


# ------------------------------------------------------------ the expected records

def listing_record(e):
    n = (e.number - 1) // PER_PAGE + 1
    return {"_source": f"elements/page-{n}.html", "name": e.name, "number": Num(e.number), "symbol": e.symbol,
            "weight": e.weight_number, "tags": e.tags, "tag_line": ", ".join(e.tags), "link": f"{e.slug}.html",
            "page": f"Elements, page {n} of 6"}


def number_or_null(text):
    return Num(text) if text else None


def detail_record(e):
    return {"_source": f"elements/{e.slug}.html", "name": e.name, "symbol": e.symbol, "number": Num(e.number),
            "weight": e.weight_number, "density": number_or_null(e.density),
            "melting_point": number_or_null(e.melt), "boiling_point": number_or_null(e.boil),
            "category": e.category, "group": Num(e.group) if e.group else None, "period": Num(e.period),
            "block": e.block, "configuration": e.configuration, "discovered": number_or_null(e.year),
            "discoverers": "; ".join(e.discoverers) or "unknown", "image": image_of(e),
            "page_url": f"{HOST}/elements/{e.slug}.html", "summary": summary_of(e)}


def follow_record(e):
    record = {k: v for k, v in listing_record(e).items() if k in ("_source", "name", "number", "symbol", "weight")}
    return record | {"melting_point": number_or_null(e.melt), "configuration": e.configuration,
                     "discoverers": e.discoverers[0] if e.discoverers else None, "category": e.category}


def embedded_record(e):
    return {"_source": f"elements/{e.slug}.html", "about": description_of(e), "identifier": e.symbol, "block": e.block,
            "number": Num(e.number), "shells": ", ".join(map(str, e.shells)), "shell_count": Num(len(e.shells)),
            "stable": e.stable, "og_title": f"{e.name} ({e.symbol})", "updated": UPDATED}


def period_record(e):
    return {"_source": f"periods/period-{e.period}.html", "number": Num(e.number), "symbol": e.symbol, "name": e.name,
            "category": e.category, "weight": e.weight_number}


def expected(elements, legacy_records):
    return {
        "elements.jsonl": jsonl(sorted(map(detail_record, elements), key=lambda r: r["_source"])),
        "elements-embedded.jsonl": jsonl(sorted(map(embedded_record, elements), key=lambda r: r["_source"])),
        "catalogue.jsonl": jsonl(map(listing_record, elements)),
        "catalogue-follow.jsonl": jsonl(map(follow_record, elements)),
        "periods.jsonl": jsonl(map(period_record, elements)),
        "legacy.jsonl": jsonl(legacy_records),
        "based.jsonl": jsonl([{"_source": "based.html"} | BASED_RECORD]),
    }


# ---------------------------------------------------------------- the API

def plain_number(text):
    if not text:
        return None
    return float(text) if "." in text else int(text)


def api(elements):
    def brief(e):
        return {"id": e.symbol, "number": e.number, "name": e.name, "weight": plain_number(e.weight.strip("[]")),
                "group": e.group, "period": e.period, "category": e.category}

    all_elements = [brief(e) for e in elements]
    chunks = [all_elements[i:i + PER_PAGE] for i in range(0, 118, PER_PAGE)]
    groups = [{"id": g, "elements": [e.symbol for e in elements if e.group == g]} for g in range(1, 19)]
    periods = [{"id": p, "elements": [e.symbol for e in elements if e.period == p]} for p in range(1, 8)]
    people = {}
    for e in elements:
        for d in e.discoverers:
            people.setdefault(d, []).append(e.symbol)
    discoverers = [{"id": slug(d), "name": d, "elements": s} for d, s in sorted(people.items(), key=lambda i: slug(i[0]))]
    names = [{"id": e.symbol, "name": e.name, "number": e.number} for e in elements]
    properties = [{"id": e.symbol, "density": plain_number(e.density), "melting_point": plain_number(e.melt),
                   "boiling_point": plain_number(e.boil)} for e in elements]
    discoveries = [{"id": e.symbol, "year": plain_number(e.year), "discoverers": e.discoverers} for e in elements]
    out = {}
    for n, chunk in enumerate(chunks, 1):
        nxt = f"elements-{n + 1}.json" if n < len(chunks) else None
        out[f"elements-{n}.json"] = pretty({"data": chunk, "links": {"next": nxt}, "total": 118})
        out[f"elements/page-{n}.json"] = pretty({"page": n, "data": chunk})
    out[f"elements/page-{len(chunks) + 1}.json"] = pretty({"page": len(chunks) + 1, "data": []})
    lists = {"groups": groups, "periods": periods, "discoverers": discoverers, "names": names,
             "properties": properties, "discoveries": discoveries}
    out |= {f"{k}.json": pretty({"data": v}) for k, v in lists.items()}
    out["not-json.json"] = b'{"data": [1, 2,\n'
    joined_ = [a | b | c for a, b, c in zip(names, properties, discoveries)]
    out["expected/query.json"] = pretty({"groups": groups, "periods": periods, "discoverers": discoverers,
                                         "elements": all_elements})
    out["expected/query-join.json"] = pretty(joined_)
    out["expected/query-concat.json"] = pretty(all_elements)
    out["expected/query-partial.json"] = pretty({"groups": groups})
    return out


# ---------------------------------------------------------------- the texts

def english(e):
    lines = [f"{e.name}", "", f"{description_of(e)} Its standard atomic weight is {e.weight}, and its electrons are arranged as {e.configuration}.", e.origin]
    if e.melt:
        lines.append(f"It melts at {temperature(e.melt)}" + (f" and boils at {temperature(e.boil)}." if e.boil else "."))
    elif e.boil:
        lines.append(f"It boils, or sublimes, at {temperature(e.boil)} under normal pressure.")
    else:
        lines.append("Too little of it has ever been gathered in one place to measure where it melts or boils.")
    if e.density:
        lines.append(f"Its density is {e.density} g/cm³ near room temperature.")
    place = f"group {e.group}" if e.group else "the f-block, outside the eighteen groups"
    lines += ["", f"In the periodic table it stands in period {e.period} and in {place}. "
              f"An atom of it holds {e.number} protons, and as many electrons in {len(e.shells)} shells: {', '.join(map(str, e.shells))}.",
              "No isotope of it is stable, so its weight is that of the longest-lived one." if e.weight.startswith("[")
              else "Its weight is an average over the isotopes found in nature."]
    return "\n".join(lines) + "\n"


# folder, codec, BOM, language, line end
TEXTS = [
    ("de/windows-1252", "cp1252", b"", "de", "\n"),
    ("de/utf-16le", "utf-16-le", b"\xff\xfe", "de", "\r\n"),
    ("fr/utf-8-bom", "utf-8", b"\xef\xbb\xbf", "fr", "\n"),
    ("fr/utf-16be", "utf-16-be", b"\xfe\xff", "fr", "\n"),
    ("es/utf-8-crlf", "utf-8", b"", "es", "\r\n"),
    ("pl/iso-8859-2", "iso8859-2", b"", "pl", "\n"),
    ("ru/windows-1251", "cp1251", b"", "ru", "\r\n"),
    ("ru/koi8-r", "koi8-r", b"", "ru", "\n"),
    ("ja/shift_jis", "shift_jis", b"", "ja", "\r\n"),
    ("zh/gb18030", "gb18030", b"", "zh", "\n"),
    ("zh/big5", "big5", b"", "zht", "\n"),
    ("ko/euc-kr", "euc-kr", b"", "ko", "\n"),
]


def encoded(text, codec, bom=b""):
    data = text.encode(codec)
    assert data.decode(codec) == text, codec
    return bom + data


def texts(elements, names, phrases):
    out = {f"en/period-{e.period}/{e.slug}.txt": english(e).encode() for e in elements}
    named = [e for e in elements if e.symbol in names]
    for folder, codec, bom, lang, end in TEXTS:
        for i, e in enumerate(named):
            text = end.join(sentences(lang, e, names, phrases, i, 7)) + end
            out[f"{folder}/{e.slug}.txt"] = encoded(text, codec, bom)
    out |= {
        "odd/empty.txt": b"",
        "odd/only-bom.txt": b"\xef\xbb\xbf",
        "odd/crlf.txt": b"first line\r\nsecond line\r\nthird line\r\n",
        "odd/lf.txt": b"first line\nsecond line\nthird line\n",
        "odd/mixed-ends.txt": b"unix\nwindows\r\nold mac\rlast\n",
        "odd/no-newline.txt": b"two lines,\nthe last one without an end",
        "odd/one-long-line.txt": ("hydrogen helium lithium beryllium " * 600).encode() + b"\n",
        "odd/with space.txt": b"the name of this file holds a space\n",
        "odd/caf\u00e9.txt": "the name of this file is UTF-8: café\n".encode(),
        "odd/terminal.txt": b"this line would colour a terminal: \x1b[31mred\x1b[0m and ring \x07\n",
        "odd/formula.txt": b"=1+1\n@sum\n-2\n+3\n",
        "odd/deep/er/and/deep/er/still.txt": b"six folders down\n",
        "odd/.hidden.txt": b"hidden files are skipped unless asked for\n",
        "odd/not-text.bin": png((200, 30, 30), 4),
    }
    return out


# encoding's name, codec, BOM, language, other names under which the same bytes give the same text
ENCODINGS = [
    ("UTF-8", "utf-8", b"", "es", []),
    ("UTF-16LE", "utf-16-le", b"\xff\xfe", "de", []),
    ("UTF-16BE", "utf-16-be", b"\xfe\xff", "fr", []),
    ("windows-1252", "cp1252", b"", "de", []),
    ("ISO-8859-2", "iso8859-2", b"", "pl", []),
    ("windows-1251", "cp1251", b"", "ru", []),
    ("KOI8-R", "koi8-r", b"", "ru", ["KOI8-U"]),
    ("Shift_JIS", "shift_jis", b"", "ja", []),
    ("EUC-JP", "euc-jp", b"", "ja", []),
    ("gb18030", "gb18030", b"", "zh", ["GBK"]),
    ("Big5", "big5", b"", "zht", []),
    ("EUC-KR", "euc-kr", b"", "ko", []),
]


def encodings(elements, names, phrases):
    out, index = {}, []
    named = [e for e in elements if e.symbol in names]
    for name, codec, bom, lang, same in ENCODINGS:
        for i, e in enumerate(named):
            text = "\n".join(sentences(lang, e, names, phrases, i + 4, 6)) + "\n"
            path = f"files/{name.lower()}/{e.slug}.txt"
            out[path] = encoded(text, codec, bom)
            index.append({"path": path, "encoding": name, "same_text_as": same, "bom": bool(bom),
                          "guess": not bom and name != "UTF-8", "language": HTML_LANG.get(lang, lang),
                          "sha256": hashlib.sha256(text.encode()).hexdigest(), "text": text})
    out["index.jsonl"] = jsonl(sorted(index, key=lambda r: r["path"]))
    return out


# ---------------------------------------------------------------- the tree

def build():
    elements, names, phrases = load()
    pages, legacy_records = site(elements, names, phrases)
    parts = {"site": pages, "texts": texts(elements, names, phrases), "encodings": encodings(elements, names, phrases),
             "api": api(elements), "recipes/expected": expected(elements, legacy_records)}
    return {f"{folder}/{path}": data for folder, files in parts.items() for path, data in files.items()}


def on_disk():
    found = {}
    for folder in OWNED:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT).as_posix()
            if path.is_file() and not HAND_WRITTEN.match(relative):
                found[relative] = path
    return found


def check(tree):
    found = on_disk()
    differing = [f"missing {p}" for p in tree if p not in found]
    differing += [f"extra {p}" for p in found if p not in tree]
    differing += [f"differs {p}" for p in tree if p in found and found[p].read_bytes() != tree[p]]
    for line in sorted(differing):
        print(line)
    return 1 if differing else 0


def write(tree):
    for relative, path in on_disk().items():
        if relative not in tree:
            path.unlink()
    for relative, data in tree.items():
        path = ROOT / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
    print(f"{len(tree)} files, {sum(map(len, tree.values()))} bytes")
    return 0


def main(arguments):
    if arguments not in ([], ["--check"]):
        print("usage: generate.py [--check]", file=sys.stderr)
        return 2
    tree = build()
    return check(tree) if arguments else write(tree)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
