"""START_URL AT_LEAST_MS FOLDER: Scrapy follows every .html link under the start's folder, and measures one pass."""
import json
import os
import re
import resource
import sys
import time

import scrapy
from scrapy.crawler import CrawlerProcess

start, _, scratch = sys.argv[1:4]
folder = start.rsplit("/", 1)[0] + "/"
work = {"items": 0, "bytes": 0, "checksum": 0}
MASK = (1 << 64) - 1


def fold(value, text):
    """FNV-1a over the words of a text, as the frame has it."""
    words = [word for word in re.split(rb"[ \t\n\r\x0c]+", text.encode()) if word]
    for byte in b"".join(word + b" " for word in words) + b"\n":
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


class Site(scrapy.Spider):
    name = "site"
    custom_settings = {
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "FEEDS": {os.path.join(scratch, "scrapy.jsonl"): {"format": "jsonlines"}},
    }

    async def start(self):
        # Not start_urls, which Scrapy fetches again when a link leads there.
        yield scrapy.Request(start)

    def parse(self, response):
        if not isinstance(response, scrapy.http.HtmlResponse):
            return
        title = "".join(response.xpath("(//title)[1]//text()").getall())
        work["items"] += 1
        work["bytes"] += len(response.body)
        work["checksum"] = (work["checksum"] + fold(fold(0xCBF29CE484222325, title), response.url)) & MASK
        yield {"url": response.url, "title": title}
        for href in response.css("a::attr(href)").getall():
            url = response.urljoin(href).split("#")[0]
            if url.startswith(folder) and url.split("?")[0].endswith(".html"):
                yield scrapy.Request(url)


process = CrawlerProcess({"LOG_LEVEL": "ERROR"})
begun, cpu = time.monotonic(), time.process_time()
process.crawl(Site)
process.start()
seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"work": work, "passes": 1, "seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak, "pass_peak_bytes": peak}))
