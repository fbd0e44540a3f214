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


async def run(folder):
    paths = walk(folder)
    files = size = edges = 0

    async def work():
        nonlocal files, size, edges
        for path in paths:
            content = await asyncio.to_thread(read, path)
            files += 1
            size += len(content)
            if content:
                edges += content[0] + (content[-1] << 8)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return files, size, edges


print("ready", flush=True)
for _ in sys.stdin:
    print(*asyncio.run(run(sys.argv[1])), flush=True)
