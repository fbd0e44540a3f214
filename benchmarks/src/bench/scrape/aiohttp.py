import asyncio
import json
import sys

import aiohttp
from selectolax.lexbor import LexborHTMLParser

AT_ONCE = 64


def look(body):
    tree = LexborHTMLParser(body)
    title = tree.css_first("title")
    links = [link.attributes["href"] or "" for link in tree.css("a[href]")]
    return title.text() if title else "", links


async def fetch(url, session, limit):
    async with limit, session.get(url, raise_for_status=True) as response:
        body = await response.read()
        return len(body), *look(body)


async def gather(urls, session):
    limit = asyncio.Semaphore(AT_ONCE)
    return await asyncio.gather(*(fetch(url, session, limit) for url in urls))


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        urls = [line.rstrip("\n") for line in file]
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:
        for size, title, links in await gather(urls, session):
            print(json.dumps({"bytes": size, "title": title, "links": links}))
        sys.stdout.flush()
        # The session lives on from pass to pass, as that of a program that fetches all the time.
        while await asyncio.to_thread(sys.stdin.readline):
            pages = await gather(urls, session)
            print(sum(page[0] for page in pages), sum(len(page[2]) for page in pages), flush=True)


asyncio.run(main())
