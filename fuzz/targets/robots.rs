//! robots.txt: any text, any agent, any URL. Parsing and checking end, and agree with themselves.
#![no_main]

use gather_fetch::Robots;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str, &str)| {
    let (text, agent, url) = input;
    let robots = Robots::parse(text);
    let verdict = robots.check(agent, url);
    assert_eq!(verdict, robots.check(agent, url));
    assert!(verdict.allowed || verdict.line.is_some(), "what is refused names its line");
    if let Some(line) = verdict.line {
        assert!(line >= 1 && line <= text.len() + 1);
    }
    let _ = (robots.crawl_delay(agent), robots.sitemaps());
});
