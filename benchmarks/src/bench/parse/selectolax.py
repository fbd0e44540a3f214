import json
import sys

from selectolax.lexbor import LexborHTMLParser


def look(page):
    tree = LexborHTMLParser(page)
    title = tree.css_first("title")
    links = [link.attributes["href"] or "" for link in tree.css("a[href]")]
    return title.text() if title else "", links


pages = []
for name in open(sys.argv[1], encoding="utf-8"):
    with open(name.rstrip("\n"), "rb") as file:
        pages.append(file.read().decode("utf-8", "replace"))

for page in pages:
    title, links = look(page)
    print(json.dumps({"title": title, "links": links}))
sys.stdout.flush()

for _ in sys.stdin:
    print(sum(len(look(page)[1]) for page in pages), flush=True)
