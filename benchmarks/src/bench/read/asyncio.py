import asyncio
import os
import sys

AT_ONCE = 64


def read(path):
    with open(path, "rb") as file:
        return file.read()


def walk(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)


async def read_all(folder):
    """As asyncio's documentation has it: an awaitable for each file, gathered, and a semaphore."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(path):
        async with limit:
            return what_is_in(await asyncio.to_thread(read, path))

    found = await asyncio.gather(*(one(path) for path in walk(folder)))
    return len(found), sum(size for size, _ in found), sum(edge for _, edge in found)


async def read_by_turns(folder):
    """A few tasks that take one path after the other: less for asyncio to do."""
    paths = walk(folder)
    files = size = edges = 0

    async def work():
        nonlocal files, size, edges
        for path in paths:
            length, edge = what_is_in(await asyncio.to_thread(read, path))
            files, size, edges = files + 1, size + length, edges + edge

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return files, size, edges


def what_is_in(content):
    return len(content), content[0] + (content[-1] << 8) if content else 0


print("ready", flush=True)
for _ in sys.stdin:
    print(*asyncio.run({"all": read_all, "by turns": read_by_turns}[sys.argv[2]](sys.argv[1])), flush=True)
