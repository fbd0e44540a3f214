//! robots.txt by RFC 9309: cases from the RFC, its errata and Google's published rules, and what hostile files cost.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is how a failure is said")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use gather_fetch::{Access, Error, ErrorKind, MAX_ROBOTS, Robots, Verdict};
use proptest::prelude::*;

/// The agent, the URL, and the verdict: the number of the line that allows it, minus that of the line that does not, and 0
/// where no line says anything of it, so that it is allowed.
type Question = (&'static str, &'static str, i32);

/// Where the rule is written down, a robots.txt, and questions to it.
type Case = (&'static str, &'static str, &'static [Question]);

const CASES: &[Case] = &[
    // Groups and their lines.
    ("RFC 9309, 2.2.1: no groups, no rules", "", &[("foobot", "http://h/x", 0), ("", "http://h/", 0)]),
    (
        "RFC 9309, 2.2.1: no group for the agent or *",
        "User-agent: BarBot\nDisallow: /\n",
        &[("foobot", "http://h/x", 0), ("barbot", "http://h/x", -2)],
    ),
    (
        "RFC 9309, 2.2.1: the group with * is for those that none names",
        "User-agent: *\nDisallow: /a\nUser-agent: FooBot\nDisallow: /b\n",
        &[
            ("FooBot", "http://h/a", 0),
            ("FooBot", "http://h/b", -4),
            ("other", "http://h/a", -2),
            ("other", "http://h/b", 0),
            ("", "http://h/a", -2),
        ],
    ),
    (
        "RFC 9309, 2.2.1: the order of groups is nothing",
        "User-agent: FooBot\nDisallow: /b\nUser-agent: *\nDisallow: /a\n",
        &[("FooBot", "http://h/a", 0), ("FooBot", "http://h/b", -2), ("other", "http://h/a", -4)],
    ),
    (
        "RFC 9309, 2.2.1: a group without rules allows all to whom it names",
        "User-agent: *\nDisallow: /\n\nUser-agent: FooBot\n",
        &[("FooBot", "http://h/a", 0), ("other", "http://h/a", -2)],
    ),
    (
        "RFC 9309, 2.2.1: several groups for one agent are one",
        "User-agent: ExampleBot\nDisallow: /foo\nDisallow: /bar\n\nUser-agent: ExampleBot\nDisallow: /baz\n",
        &[
            ("examplebot", "http://h/foo", -2),
            ("examplebot", "http://h/bar", -3),
            ("examplebot", "http://h/baz", -6),
            ("examplebot", "http://h/boo", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.1: groups with * are combined, too",
        "User-agent: *\nDisallow: /a\nUser-agent: x\nDisallow: /x\nUser-agent: *\nAllow: /a/b\n",
        &[("foo", "http://h/a", -2), ("foo", "http://h/a/b", 6), ("x", "http://h/a", 0)],
    ),
    (
        "RFC 9309, 2.1: consecutive agents share a group",
        "User-agent: foobot\nUser-agent: barbot\nDisallow: /example/page.html\n",
        &[
            ("foobot", "http://h/example/page.html", -3),
            ("barbot", "http://h/example/page.html", -3),
            ("bazbot", "http://h/example/page.html", 0),
        ],
    ),
    (
        "RFC 9309, 2.1: * may stand among them",
        "User-agent: foobot\nUser-agent: *\nDisallow: /x\n",
        &[("foobot", "http://h/x", -3), ("other", "http://h/x", -3)],
    ),
    (
        "RFC 9309, 2.2: empty lines and comments end no group",
        "User-agent: a\n\n# of a and b\n\nUser-agent: b\n\n\nDisallow: /x\n\nDisallow: /y\n",
        &[("a", "http://h/x", -8), ("b", "http://h/x", -8), ("b", "http://h/y", -10)],
    ),
    (
        "RFC 9309, 2.1: after a rule an agent begins another group",
        "User-agent: a\nDisallow: /x\nUser-agent: b\nDisallow: /y\n",
        &[("a", "http://h/y", 0), ("b", "http://h/x", 0), ("b", "http://h/y", -4)],
    ),
    (
        "RFC 9309, 2.2.2: rules before the first agent are for nobody",
        "Disallow: /\nAllow: /x\nUser-agent: *\nDisallow: /y\n",
        &[("foobot", "http://h/z", 0), ("foobot", "http://h/y", -4)],
    ),
    (
        "RFC 9309, 2.2.4: other records end no group",
        "User-agent: a\nSitemap: http://h/s.xml\nUser-agent: *\nDisallow: /\n",
        &[("a", "http://h/x", -4), ("b", "http://h/x", -4)],
    ),
    (
        "RFC 9309, 2.2.4: unknown records and crawl delays end none, either",
        "User-agent: a\nHost: h\nCrawl-delay: 3\nno record at all\nUser-agent: b\nDisallow: /\n",
        &[("a", "http://h/x", -6), ("b", "http://h/x", -6), ("c", "http://h/x", 0)],
    ),
    (
        "RFC 9309, 2.2.4: nor between rules",
        "User-agent: a\nDisallow: /x\nSitemap: http://h/s.xml\nDisallow: /y\n",
        &[("a", "http://h/x", -2), ("a", "http://h/y", -4)],
    ),
    (
        "RFC 9309, 2.2: an empty pattern is a rule that matches nothing",
        "User-agent: a\nDisallow:\nUser-agent: b\nDisallow: /\n",
        &[("a", "http://h/x", 0), ("b", "http://h/x", -4)],
    ),
    (
        "RFC 9309, 2.2: neither does an empty allow",
        "User-agent: a\nAllow:\nDisallow: /\n",
        &[("a", "http://h/x", -3)],
    ),
    // The product token.
    (
        "RFC 9309, 2.2.1: tokens are compared whatever their case",
        "User-Agent: FoO-bOt_X\nDisallow: /\n",
        &[("foo-bot_x", "http://h/", -2), ("FOO-BOT_X", "http://h/", -2), ("foo-bot", "http://h/", 0)],
    ),
    (
        "RFC 9309, 2.2.1: a token is no prefix and no part of another",
        "User-agent: foo\nDisallow: /\n",
        &[
            ("foobot", "http://h/", 0),
            ("foo-bot", "http://h/", 0),
            ("myfoo", "http://h/", 0),
            ("foo", "http://h/", -2),
        ],
    ),
    (
        "RFC 9309, 2.2.1: the token stands in the identification string",
        "User-agent: ExampleBot\nDisallow: /\n",
        &[
            ("ExampleBot/0.1 (https://bot.example/)", "http://h/", -2),
            ("Mozilla/5.0 (compatible; ExampleBot/0.1; https://bot.example/)", "http://h/", -2),
            ("Mozilla/5.0 (X11; Linux x86_64) ExampleBrowser/1.0", "http://h/", 0),
        ],
    ),
    (
        "Google, user agents: what does not match in a line is ignored",
        "User-agent: googlebot/1.2\nDisallow: /a\n\nUser-agent: otherbot*\nDisallow: /b\n",
        &[
            ("googlebot", "http://h/a", -2),
            ("Googlebot/2.1 (+http://www.google.com/bot.html)", "http://h/a", -2),
            ("otherbot", "http://h/b", -5),
        ],
    ),
    (
        "Google, user agents: the most specific group, whatever the order",
        "User-agent: googlebot-news\nDisallow: /1\n\nUser-agent: *\nDisallow: /2\n\nUser-agent: googlebot\nDisallow: /3\n",
        &[
            ("Googlebot-News", "http://h/1", -2),
            ("Googlebot-News", "http://h/3", 0),
            ("Googlebot", "http://h/3", -8),
            ("Googlebot", "http://h/1", 0),
            ("Otherbot", "http://h/2", -5),
            ("Otherbot", "http://h/1", 0),
        ],
    ),
    (
        "Google, grouping of lines: a combined group",
        "user-agent: a\ndisallow: /c\n\nuser-agent: b\ndisallow: /d\n\nuser-agent: e\nuser-agent: f\ndisallow: /g\n\nuser-agent: h\n",
        &[
            ("a", "http://x/c", -2),
            ("a", "http://x/g", 0),
            ("b", "http://x/d", -5),
            ("e", "http://x/g", -9),
            ("f", "http://x/g", -9),
            ("h", "http://x/g", 0),
        ],
    ),
    (
        "robotstxt (Google's parser), agents up to the first space",
        "User-agent: *\nDisallow: /\nUser-agent: Foo Bar\nAllow: /x\nDisallow: /\n",
        &[("foo", "http://h/x", 4), ("foo", "http://h/y", -5), ("bar", "http://h/x", -2)],
    ),
    (
        "in use: tokens have digits, too",
        "User-agent: MJ12bot\nDisallow: /\nUser-agent: 360Spider\nDisallow: /x\n",
        &[("MJ12bot/v1.4.8", "http://h/", -2), ("360spider", "http://h/x", -4), ("MJ", "http://h/", 0)],
    ),
    (
        "RFC 9309, 2.2.1: a line that names no token names nobody, and still begins a group",
        "User-agent: a\nDisallow: /a\nUser-agent:\nDisallow: /b\nUser-agent: \u{30c4}\nDisallow: /c\n",
        &[("a", "http://h/b", 0), ("a", "http://h/c", 0), ("", "http://h/b", 0), ("a", "http://h/a", -2)],
    ),
    // Lines.
    (
        "RFC 9309, 2.2: names of records are compared whatever their case",
        "USER-AGENT: a\nDISALLOW: /x\nuSeR-aGeNt: b\ndIsAlLoW: /\naLLOW: /x\n",
        &[("a", "http://h/x", -2), ("b", "http://h/y", -4), ("b", "http://h/x", 5)],
    ),
    (
        "RFC 9309, 2.2: blanks and tabs around everything",
        " \tUser-agent\t : \t a \t\n\t Disallow \t:\t /x \t # why\n",
        &[("a", "http://h/x", -2), ("a", "http://h/x%20", -2), ("a", "http://h/", 0)],
    ),
    ("RFC 9309, 2.2: none at all", "User-agent:a\nDisallow:/x\n", &[("a", "http://h/x", -2)]),
    (
        "RFC 9309, 2.2: a record has a colon",
        "User-agent: a\nDisallow /x\nDisallow: /y\n",
        &[("a", "http://h/x", 0), ("a", "http://h/y", -3)],
    ),
    (
        "RFC 9309, 2.3.1.5: each line that can be read counts",
        "<html>\n<title>User-agent: no</title>\nUser-agent: a\n\0\u{1}\u{2}\nDisallow: /x\n:\n::\n",
        &[("a", "http://h/x", -5), ("no", "http://h/x", 0)],
    ),
    (
        "RFC 9309, 2.2: lines end with CR LF",
        "User-agent: a\r\nDisallow: /x\r\n\r\nAllow: /x/y\r\n",
        &[("a", "http://h/x", -2), ("a", "http://h/x/y", 4)],
    ),
    (
        "RFC 9309, 2.2: or CR alone",
        "User-agent: a\rDisallow: /x\r\rAllow: /x/y\r",
        &[("a", "http://h/x", -2), ("a", "http://h/x/y", 4)],
    ),
    (
        "RFC 9309, 2.2: or all kinds mixed, and nothing at the end",
        "User-agent: a\nDisallow: /x\r\n\rAllow: /x/y\r\n\nDisallow: /z",
        &[("a", "http://h/x", -2), ("a", "http://h/x/y", 4), ("a", "http://h/z", -6)],
    ),
    (
        "Google, file format: a byte order mark is ignored",
        "\u{feff}User-agent: a\nDisallow: /\n",
        &[("a", "http://h/", -2)],
    ),
    (
        "robotstxt (Google's parser): only at the beginning",
        "User-agent: a\n\u{feff}Disallow: /\nDisallow: /x\n",
        &[("a", "http://h/y", 0), ("a", "http://h/x", -3)],
    ),
    // Comments.
    (
        "RFC 9309, 2.2.3: # begins a comment",
        "User-agent: a # the first\n# Disallow: /\nDisallow: /x#y\nAllow:#/x\n",
        &[("a", "http://h/x", -3), ("a", "http://h/z", 0), ("a", "http://h/x#y", -3)],
    ),
    (
        "RFC 9309, 2.2.3: %23 means the character",
        "User-agent: a\nDisallow: /x%23y\n",
        &[("a", "http://h/x%23y", -2), ("a", "http://h/x#y", 0)],
    ),
    // Matching.
    (
        "RFC 9309, 2.2.2: paths are compared in their case",
        "User-agent: a\nDisallow: /X/\n",
        &[("a", "http://h/X/y", -2), ("a", "http://h/x/y", 0)],
    ),
    (
        "RFC 9309, 2.2.2: a match ends where the rule ends",
        "User-agent: a\nDisallow: /foo\n",
        &[
            ("a", "http://h/foo", -2),
            ("a", "http://h/foobar", -2),
            ("a", "http://h/foo/bar?x", -2),
            ("a", "http://h/fo", 0),
            ("a", "http://h/bar/foo", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.2: /robots.txt is allowed by itself",
        "User-agent: *\nDisallow: /\n",
        &[
            ("a", "http://h/robots.txt", 0),
            ("a", "http://h/robots%2Etxt", 0),
            ("a", "http://h/robots.txt/x", -2),
            ("a", "http://h/x/robots.txt", -2),
            ("a", "http://h/robots.txt?x", -2),
            ("a", "http://h/Robots.txt", -2),
        ],
    ),
    (
        "RFC 9309, 2.2.2: the most octets win, in any order",
        "User-agent: a\nAllow: /x/\nDisallow: /x/page.html\nUser-agent: b\nDisallow: /x/page.html\nAllow: /x/\n",
        &[
            ("a", "http://h/x/page.html", -3),
            ("a", "http://h/x/page", 2),
            ("b", "http://h/x/page.html", -5),
            ("b", "http://h/x/", 6),
        ],
    ),
    (
        "RFC 9309, 2.2.2: of equals the allow, in any order",
        "User-agent: a\nAllow: /x\nDisallow: /x\nUser-agent: b\nDisallow: /x\nAllow: /x\n",
        &[("a", "http://h/x", 2), ("b", "http://h/x", 6)],
    ),
    (
        "RFC 9309, 2.2.2: of duplicates the first is named",
        "User-agent: a\nDisallow: /x\nDisallow: /x\n",
        &[("a", "http://h/x", -2)],
    ),
    (
        "RFC 9309, 2.2.2: over all groups of the agent",
        "User-agent: a\nDisallow: /x/y\nUser-agent: b\nDisallow: /\nUser-agent: a\nAllow: /x/y/z\nAllow: /x\n",
        &[
            ("a", "http://h/x/y", -2),
            ("a", "http://h/x/y/z", 6),
            ("a", "http://h/x", 7),
            ("a", "http://h/", 0),
        ],
    ),
    (
        "RFC 9309, 5.1: the simple example",
        "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\nUser-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\nUser-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\nUser-Agent: quxbot\n",
        &[
            ("foobot", "http://h/example/page.html", 8),
            ("foobot", "http://h/example/allowed.gif", 9),
            ("foobot", "http://h/publications/", -7),
            ("barbot", "http://h/example/page.html", -13),
            ("bazbot", "http://h/example/page.html", -13),
            ("bazbot", "http://h/example/x.gif", 0),
            ("quxbot", "http://h/example/page.html", 0),
            ("other", "http://h/a/b.gif", -2),
            ("other", "http://h/a/b.gif?x", 0),
            ("other", "http://h/example/page.html", -3),
            ("other", "http://h/publications/x", 4),
            ("other", "http://h/publications/x.gif", 4),
        ],
    ),
    (
        "RFC 9309, 5.2 with erratum 7124: the longest match",
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
        &[
            ("foobot", "http://example.com/example/page/disallowed.gif", -3),
            ("foobot", "http://example.com/example/page/disallow.gif", 2),
            ("foobot", "http://example.com/example/page/", 2),
            ("foobot", "http://example.com/example/", 0),
        ],
    ),
    // Wildcards.
    (
        "RFC 9309, 2.2.3: * is any number of characters, and none",
        "User-agent: a\nDisallow: /foo/*/qux\n",
        &[
            ("a", "http://h/foo/bar/qux", -2),
            ("a", "http://h/foo/b/a/r/quxx", -2),
            ("a", "http://h/foo//qux", -2),
            ("a", "http://h/foo/qux", 0),
            ("a", "http://h/foo/bar/quz", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.3: $ is the end",
        "User-agent: a\nDisallow: /foo/bar$\n",
        &[
            ("a", "http://h/foo/bar", -2),
            ("a", "http://h/foo/bar/", 0),
            ("a", "http://h/foo/bar?", 0),
            ("a", "http://h/foo/barqux", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.3: $ before the end is a character",
        "User-agent: a\nDisallow: /a$b\nDisallow: /c$$\n",
        &[
            ("a", "http://h/a$b", -2),
            ("a", "http://h/a%24b/c", -2),
            ("a", "http://h/a", 0),
            ("a", "http://h/c$", -3),
            ("a", "http://h/c$$", 0),
            ("a", "http://h/c", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.3: %2A and %24 are the characters",
        "User-agent: a\nDisallow: /path/file-with-a-%2A.html\nDisallow: /path/foo-%24\n",
        &[
            ("a", "http://h/path/file-with-a-*.html", -2),
            ("a", "http://h/path/file-with-a-%2a.html", -2),
            ("a", "http://h/path/file-with-a-b.html", 0),
            ("a", "http://h/path/foo-$", -3),
            ("a", "http://h/path/foo-%24/x", -3),
            ("a", "http://h/path/foo-", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.3: a pattern may begin and end with wildcards",
        "User-agent: a\nDisallow: *private*\nDisallow: *.gif$\n",
        &[
            ("a", "http://h/my/private/x", -2),
            ("a", "http://h/x.gif", -3),
            ("a", "http://h/x.gif/y", 0),
            ("a", "http://h/public", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.3: several in a row are one",
        "User-agent: a\nDisallow: /x***y**$\n",
        &[("a", "http://h/xy", -2), ("a", "http://h/xzyz", -2), ("a", "http://h/x", 0)],
    ),
    (
        "RFC 9309, 2.2.3: the pieces come in their order and share nothing",
        "User-agent: a\nDisallow: /*ab*ba$\n",
        &[
            ("a", "http://h/abba", -2),
            ("a", "http://h/xabyba", -2),
            ("a", "http://h/aba", 0),
            ("a", "http://h/baab", 0),
            ("a", "http://h/ababa", -2),
        ],
    ),
    (
        "RFC 9309, 2.2.3: a wildcard also goes into the query",
        "User-agent: a\nDisallow: /*?session=\nDisallow: /*x$\n",
        &[
            ("a", "http://h/p/q?session=1", -2),
            ("a", "http://h/p?a=1&session=1", 0),
            ("a", "http://h/p?a=x", -3),
        ],
    ),
    (
        "Google, paths: / and /* are all",
        "user-agent: a\ndisallow: /\nuser-agent: b\ndisallow: /*\n",
        &[
            ("a", "http://h/", -2),
            ("a", "http://h", -2),
            ("a", "http://h?x", -2),
            ("b", "http://h/", -4),
            ("b", "http://h/x/y?z", -4),
        ],
    ),
    (
        "Google, paths: only /$ is the root alone",
        "user-agent: a\ndisallow: /$\n",
        &[("a", "http://h/", -2), ("a", "http://h/x", 0), ("a", "http://h/?x", 0)],
    ),
    (
        "Google, paths: /fish",
        "user-agent: a\ndisallow: /fish\n",
        &[
            ("a", "http://h/fish", -2),
            ("a", "http://h/fish.html", -2),
            ("a", "http://h/fish/salmon.html", -2),
            ("a", "http://h/fishheads/yummy.html", -2),
            ("a", "http://h/fish.php?id=anything", -2),
            ("a", "http://h/Fish.asp", 0),
            ("a", "http://h/catfish", 0),
            ("a", "http://h/?id=fish", 0),
            ("a", "http://h/desert/fish", 0),
        ],
    ),
    (
        "Google, paths: /fish* is the same",
        "user-agent: a\ndisallow: /fish*\n",
        &[
            ("a", "http://h/fish", -2),
            ("a", "http://h/fishheads", -2),
            ("a", "http://h/fish.php?id=anything", -2),
            ("a", "http://h/Fish.asp", 0),
            ("a", "http://h/catfish", 0),
            ("a", "http://h/desert/fish", 0),
        ],
    ),
    (
        "Google, paths: /fish/ is a folder",
        "user-agent: a\ndisallow: /fish/\n",
        &[
            ("a", "http://h/fish/", -2),
            ("a", "http://h/fish/?id=anything", -2),
            ("a", "http://h/fish/salmon.htm", -2),
            ("a", "http://h/fish", 0),
            ("a", "http://h/fish.html", 0),
            ("a", "http://h/animals/fish/", 0),
            ("a", "http://h/Fish/Salmon.asp", 0),
        ],
    ),
    (
        "Google, paths: /*.php",
        "user-agent: a\ndisallow: /*.php\n",
        &[
            ("a", "http://h/index.php", -2),
            ("a", "http://h/folder/filename.php?parameters", -2),
            ("a", "http://h/folder/any.php.file.html", -2),
            ("a", "http://h/filename.php/", -2),
            ("a", "http://h/", 0),
            ("a", "http://h/windows.PHP", 0),
            ("a", "http://h/php/", 0),
        ],
    ),
    (
        "Google, paths: /*.php$",
        "user-agent: a\ndisallow: /*.php$\n",
        &[
            ("a", "http://h/filename.php", -2),
            ("a", "http://h/folder/filename.php", -2),
            ("a", "http://h/filename.php?parameters", 0),
            ("a", "http://h/filename.php/", 0),
            ("a", "http://h/filename.php5", 0),
            ("a", "http://h/windows.PHP", 0),
        ],
    ),
    (
        "Google, paths: /fish*.php",
        "user-agent: a\ndisallow: /fish*.php\n",
        &[
            ("a", "http://h/fish.php", -2),
            ("a", "http://h/fishheads/catfish.php?parameters", -2),
            ("a", "http://h/Fish.PHP", 0),
        ],
    ),
    (
        "Google, paths: they begin with a slash",
        "user-agent: a\ndisallow: fish\ndisallow: http://h/fish\n",
        &[("a", "http://h/fish", 0)],
    ),
    (
        "Google, precedence: the longer",
        "user-agent: a\nallow: /p\ndisallow: /\n",
        &[("a", "http://h/page", 2)],
    ),
    (
        "Google, precedence: the least restrictive of equals",
        "user-agent: a\nallow: /folder\ndisallow: /folder\n",
        &[("a", "http://h/folder/page", 2)],
    ),
    (
        "Google, precedence: wildcards count as what they are",
        "user-agent: a\nallow: /page\ndisallow: /*.htm\n",
        &[("a", "http://h/page.htm", -3), ("a", "http://h/page", 2)],
    ),
    (
        "Google, precedence: of equals with wildcards",
        "user-agent: a\nallow: /page\ndisallow: /*.ph\n",
        &[("a", "http://h/page.php5", 2)],
    ),
    (
        "Google, precedence: $ counts",
        "user-agent: a\nallow: /$\ndisallow: /\n",
        &[("a", "http://h/", 2), ("a", "http://h/page.htm", -3)],
    ),
    // Percent-encoding.
    (
        "RFC 9309, 2.2.2, table: what needs no encoding",
        "User-agent: a\nDisallow: /foo/bar?baz=quz\n",
        &[("a", "http://h/foo/bar?baz=quz", -2), ("a", "http://h/foo/bar%3Fbaz=quz", 0)],
    ),
    (
        "RFC 9309, 2.2.2, table: reserved characters in a query",
        "User-agent: a\nDisallow: /foo/bar?baz=https://foo.bar\nUser-agent: b\nDisallow: /foo/bar?baz=https%3A%2F%2Ffoo.bar\n",
        &[
            ("a", "http://h/foo/bar?baz=https%3A%2F%2Ffoo.bar", -2),
            ("a", "http://h/foo/bar?baz=https://foo.bar", -2),
            ("b", "http://h/foo/bar?baz=https://foo.bar", -4),
            ("b", "http://h/foo/bar?baz=https%3a%2f%2ffoo.bar", -4),
            ("b", "http://h/foo/bar?baz=https", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.2, table with erratum 7128: U+30C4 and its three octets",
        "User-agent: a\nDisallow: /foo/bar/\u{30c4}\nUser-agent: b\nDisallow: /foo/bar/%E3%83%84\n",
        &[
            ("a", "http://h/foo/bar/%E3%83%84", -2),
            ("a", "http://h/foo/bar/%e3%83%84x", -2),
            ("a", "http://h/foo/bar/\u{30c4}", -2),
            ("b", "http://h/foo/bar/\u{30c4}", -4),
            ("b", "http://h/foo/bar/%e3%83%84", -4),
            ("b", "http://h/foo/bar/%E3%83", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.2, table: escapes of what needs none",
        "User-agent: a\nDisallow: /foo/bar/%62%61%7A\nUser-agent: b\nDisallow: /foo/bar/baz\n",
        &[
            ("a", "http://h/foo/bar/baz", -2),
            ("a", "http://h/foo/bar/%62az", -2),
            ("b", "http://h/foo/bar/%62%61%7A", -4),
            ("b", "http://h/foo/bar/%62%61%7a", -4),
            ("b", "http://h/foo/bar/%42az", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.2: unreserved marks (RFC 3986, 2.3)",
        "User-agent: a\nDisallow: /~joe/%2D%2E%5F\nDisallow: /%7Eann\n",
        &[("a", "http://h/%7Ejoe/-._", -2), ("a", "http://h/~ann/", -3), ("a", "http://h/%7eann", -3)],
    ),
    (
        "RFC 9309, 2.2.2: escapes of reserved characters stay (RFC 3986, 2.2)",
        "User-agent: a\nDisallow: /x%2Fy\nDisallow: /b/c\nDisallow: /d%3Fe\n",
        &[
            ("a", "http://h/x%2fy", -2),
            ("a", "http://h/x/y", 0),
            ("a", "http://h/b%2Fc", 0),
            ("a", "http://h/d%3fe", -4),
            ("a", "http://h/d?e", 0),
        ],
    ),
    (
        "RFC 9309, 2.2.2: what no URI holds is encoded on both sides",
        "User-agent: a\nDisallow: /a b\nDisallow: /\"q\"\nDisallow: /<x>\n",
        &[
            ("a", "http://h/a%20b", -2),
            ("a", "http://h/a b", -2),
            ("a", "http://h/%22q%22", -3),
            ("a", "http://h/%3cx%3E", -4),
        ],
    ),
    (
        "RFC 9309, 2.2.2: a % that begins no escape is a character",
        "User-agent: a\nDisallow: /100%\nDisallow: /%zz\nDisallow: /%4\n",
        &[
            ("a", "http://h/100%", -2),
            ("a", "http://h/100%25", -2),
            ("a", "http://h/%zz", -3),
            ("a", "http://h/%4", -4),
        ],
    ),
    (
        "RFC 9309, 2.2.2: the octets of the encoded form count",
        "User-agent: a\nDisallow: /\u{fc}\nAllow: /*x*y*\n",
        &[("a", "http://h/%C3%BCxy", -2), ("a", "http://h/xy", 3)],
    ),
    (
        "WHATWG URL: dots, hosts and ports are of the URL, not of the rules",
        "User-agent: a\nDisallow: /b\n",
        &[
            ("a", "https://User@H:81/a/../b", -2),
            ("a", "http://h/a/%2e%2E/b", -2),
            ("a", "http://h\\b", -2),
            ("a", "/b?c", -2),
            ("a", "/a#/b", 0),
        ],
    ),
];

fn verdict(verdict: &Verdict) -> i32 {
    let line = verdict.line.map_or(0, |line| i32::try_from(line).unwrap());
    if verdict.allowed { line } else { -line }
}

#[test]
fn every_case_of_the_table_is_answered_with_its_line() {
    let mut asked = HashSet::new();
    for (source, text, questions) in CASES {
        let robots = Robots::parse(text.as_bytes());
        for (agent, url, expected) in *questions {
            let found = robots.check(agent, url);
            assert_eq!(verdict(&found), *expected, "{source}: {agent:?} {url} in\n{text}\n{found:?}");
            assert!(asked.insert((text, agent, url)), "twice: {agent} {url} in\n{text}");
            let line = expected.unsigned_abs() as usize;
            assert_eq!(found.rule.is_some(), line > 0, "{found:?}");
            if let Some(rule) = found.rule {
                let split = text.replace("\r\n", "\n").replace('\r', "\n");
                let written = split.split('\n').nth(line - 1).unwrap();
                assert_eq!(written.split('#').next().unwrap().trim(), rule);
            }
        }
    }
    assert!(asked.len() >= 150, "{}", asked.len());
}

#[test]
fn bytes_that_are_not_utf8_match_themselves() {
    let robots = Robots::parse(b"User-agent: a\nDisallow: /caf\xe9\nAllow: /\xff\xfe\n");
    assert_eq!(verdict(&robots.check("a", "http://h/caf%E9")), -2);
    assert_eq!(verdict(&robots.check("a", "http://h/caf%C3%A9")), 0);
    assert_eq!(robots.check("a", "http://h/caf%E9").rule.unwrap(), "Disallow: /caf\u{fffd}");
}

#[test]
fn a_byte_order_mark_that_lost_its_end_is_left_out_too() {
    for mark in [&b"\xef\xbb\xbf"[..], b"\xef\xbb", b"\xef"] {
        let robots = Robots::parse(&[mark, b"User-agent: a\nDisallow: /\n"].concat());
        assert_eq!(verdict(&robots.check("a", "http://h/")), -2, "{mark:?}");
    }
    let robots = Robots::parse(b"\xef\x11\xbfUser-agent: a\nDisallow: /\n");
    assert_eq!(verdict(&robots.check("a", "http://h/")), 0);
}

/// RFC 9309, 2.5: at least 500 KiB are parsed.
#[test]
fn of_a_long_file_500_kib_are_parsed_and_no_half_line() {
    let at = |offset: usize, rule: &str| {
        let head = "User-agent: a\nDisallow: /first\n";
        let filling = "#".repeat(offset - head.len() - 1);
        Robots::parse(format!("{head}{filling}\n{rule}\nDisallow: /last\n").as_bytes())
    };
    let rule = "Disallow: /private";
    for (offset, is_read) in [
        (MAX_ROBOTS - rule.len() - 1, true),
        (MAX_ROBOTS - rule.len(), true),
        (MAX_ROBOTS - rule.len() + 1, false),
        (MAX_ROBOTS, false),
    ] {
        let robots = at(offset, rule);
        assert!(!robots.check("a", "/first").allowed, "{offset}");
        assert_eq!(!robots.check("a", "/private").allowed, is_read, "{offset}");
        assert!(robots.check("a", "/last").allowed && robots.check("a", "/p").allowed, "{offset}");
    }
}

#[test]
fn crawl_delays_are_of_their_group_and_the_longest_counts() {
    let text = "Crawl-delay: 9\nUser-agent: a\nCrawl-delay: 2.5\nDisallow: /x\nUser-agent: *\nCrawl-delay: 1\n\
                User-agent: b\nDisallow:\nUser-agent: a\nCrawl-delay: 4 # s\nUser-agent: c\nCrawl-delay: soon\n\
                Crawl-delay: -1\nCrawl-delay: inf\nCrawl-delay: 1e300\n";
    let robots = Robots::parse(text.as_bytes());
    let delay = |agent| robots.crawl_delay(agent).map(|delay| delay.as_millis());
    assert_eq!(delay("a/1.0"), Some(4000));
    assert_eq!(delay("other"), Some(1000));
    // The agents `*` and `b` stand in one group: a delay is no rule, and ends none.
    assert_eq!(delay("b"), Some(1000));
    assert_eq!(delay("c"), Some(4000));
    assert_eq!(Robots::parse(b"User-agent: c\nCrawl-delay: inf\nCrawl-delay: -1\n").crawl_delay("c"), None);
}

#[test]
fn sitemaps_are_of_no_group_and_kept_as_written() {
    let text = "Sitemap: https://h/a.xml\nUser-agent: a\nsitemap:/b.xml # relative\nDisallow: /\nSITEMAP : http://other/c?d=e\n";
    let robots = Robots::parse(text.as_bytes());
    assert_eq!(robots.sitemaps(), ["https://h/a.xml", "/b.xml", "http://other/c?d=e"]);
}

/// RFC 9309, 2.3.1.
#[test]
fn what_became_of_fetching_it_decides() {
    for status in 100..=999_u16 {
        let access = Access::from_status(status, b"User-agent: *\nDisallow: /x");
        let (x, y) = (access.check("a", "http://h/x").allowed, access.check("a", "http://h/y").allowed);
        let expected = match status {
            200..=299 => (false, true),
            300..=499 => (true, true),
            _ => (false, false),
        };
        assert_eq!((x, y), expected, "{status}");
        assert!(access.check("a", "http://h/robots.txt").allowed, "{status}");
        if !(200..300).contains(&status) {
            let found = access.check("a", "http://h/x");
            assert_eq!(found.line, None);
            assert!(found.rule.unwrap().contains(&status.to_string()));
        }
    }
    let access = Access::from_error(&Error::other(ErrorKind::Dns, "no such host: h"));
    let found = access.check("a", "http://h/x");
    assert!(!found.allowed && found.rule.unwrap().contains("no such host: h"));
}

/// Files of two megabytes that are made to cost, each with a URL that is.
fn hostile() -> Vec<(&'static str, String, String)> {
    const SIZE: usize = 2 << 20;
    let lines = |line: &dyn Fn(usize) -> String| {
        let mut text = "User-agent: *\n".to_owned();
        (0..).map(line).find(|line| {
            text.push_str(line);
            text.len() >= SIZE
        });
        text
    };
    let a = format!("/{}", "a".repeat(2000));
    let ab = format!("/{}aa", "ab".repeat(1000));
    let one_line =
        |pattern: &str| format!("User-agent: *\nDisallow: /{}", pattern.repeat(SIZE / pattern.len()));
    // A line that goes on behind the limit is left out, so the last one ends before it.
    let long_line = |pattern: &str| {
        format!(
            "User-agent: *\nDisallow: /{}b\n{}",
            pattern.repeat(500_000 / pattern.len()),
            "#".repeat(SIZE)
        )
    };
    let spelled =
        |n: usize| -> String { (0..12).map(|bit| if n >> bit & 1 == 1 { 'a' } else { 'b' }).collect() };
    vec![
        (
            "stars and letters, a line each",
            lines(&|_| format!("Disallow: /{}b\n", "*a".repeat(50))),
            a.clone(),
        ),
        (
            "stars and letters that are there",
            lines(&|_| format!("Disallow: /{}ab$\n", "*a".repeat(50))),
            ab.clone(),
        ),
        ("one endless line", one_line("*a"), a.clone()),
        ("one long line", long_line("*a"), ab.clone()),
        ("one long line of stars", long_line("*"), ab.clone()),
        (
            "short patterns that nearly match",
            lines(&|n| format!("Disallow:/*{}aaa\n", spelled(n))),
            ab.clone(),
        ),
        ("the shortest rules", lines(&|_| "Allow:/*aab\n".to_owned()), ab.clone()),
        ("agents without rules", lines(&|n| format!("User-agent: a{n}\n")), a.clone()),
        ("a group for each rule", lines(&|_| "User-agent:*\nDisallow:/*aab\n".to_owned()), ab.clone()),
        ("nothing but line ends", lines(&|_| "\n".to_owned()), a.clone()),
        (
            "escapes",
            lines(&|_| format!("Disallow: /*{}\n", "%61%2A%".repeat(20))),
            format!("/{}", "%61%2a%25".repeat(300)),
        ),
        (
            "delimiters in queries",
            lines(&|_| format!("Disallow: /*?{}b\n", ":*/".repeat(20))),
            format!("/?{}", ":/".repeat(1000)),
        ),
        (
            "a long url",
            lines(&|_| format!("Disallow: /{}b\n", "*ab".repeat(20))),
            format!("/{}", "ab".repeat(4000)),
        ),
    ]
}

#[test]
fn two_megabytes_of_hostile_patterns_are_answered_at_once() {
    // 50 ms in a release build; a debug build on a busy machine has more.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 1500 } else { 50 });
    for (name, text, url) in hostile() {
        assert!(text.len() >= 2 << 20, "{name}");
        let best = (0..3).map(|_| {
            let start = Instant::now();
            let robots = Robots::parse(text.as_bytes());
            let parsed = start.elapsed();
            let _ = robots.check("gather", &url);
            (start.elapsed(), parsed)
        });
        let (all, parsed) = best.min().unwrap();
        println!("{name}: parsed in {parsed:?}, answered in {all:?}");
        assert!(all < limit, "{name}: {all:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(text: Vec<u8>, agent: String, url: String) {
        let robots = Robots::parse(&text);
        let _ = (robots.check(&agent, &url), robots.crawl_delay(&agent), robots.sitemaps());
    }

    #[test]
    fn no_robots_like_text_is_too_strange(
        lines in proptest::collection::vec("(User-agent|Allow|Disallow|Crawl-delay|[a-z]{0,3})[ :]{0,2}[*$/%a-c2F?#\u{e9}]{0,9}", 0..20),
        end in "\n|\r|\r\n",
        url in "/[*$/%a-c2F?:\u{e9}]{0,12}",
    ) {
        let text = lines.join(&end);
        let found = Robots::parse(text.as_bytes()).check("a", &url);
        prop_assert!(found.line.is_none_or(|line| (1..=lines.len()).contains(&line)));
        prop_assert!(found.allowed || found.line.is_some());
        prop_assert_eq!(found.line.is_some(), found.rule.is_some());
    }

    #[test]
    fn the_order_of_rules_changes_no_answer(
        rules in proptest::collection::vec("(Allow|Disallow): /[ab*]{0,4}\\$?", 1..8),
        url in "/[ab]{0,6}",
    ) {
        let text = |rules: &[String]| format!("User-agent: a\n{}", rules.join("\n"));
        let forward = Robots::parse(text(&rules).as_bytes()).check("a", &url);
        let backward: Vec<String> = rules.iter().rev().cloned().collect();
        let backward = Robots::parse(text(&backward).as_bytes()).check("a", &url);
        prop_assert_eq!(forward.allowed, backward.allowed);
    }

    #[test]
    fn everything_the_limit_cuts_off_changes_no_answer(rest in "[ -~\n]{0,200}", url in "/[ab]{0,3}") {
        let text = format!("User-agent: a\nDisallow: /a\n{}\n", "#".repeat(MAX_ROBOTS));
        let more = format!("{text}{rest}");
        prop_assert_eq!(
            Robots::parse(text.as_bytes()).check("a", &url),
            Robots::parse(more.as_bytes()).check("a", &url)
        );
    }
}
