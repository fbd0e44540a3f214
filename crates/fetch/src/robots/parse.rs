//! From the text of a robots.txt to its groups.

use std::time::Duration;

use super::pattern::Pattern;
use super::{Group, MAX_ROBOTS, Robots, Rule, RuleKind, agent};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn parse(text: &[u8]) -> Robots {
    let mut parser = Parser::default();
    let text = without_byte_order_mark(text);
    for (index, line) in lines(readable(text)).enumerate() {
        parser.line(index + 1, line);
    }
    parser.robots
}

/// A mark that lost its end on the way is none of the text, either.
fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    let length = text.iter().zip(BYTE_ORDER_MARK).take_while(|(byte, mark)| byte == mark).count();
    text.get(length..).unwrap_or_default()
}

/// The part that is parsed. A rule that is cut short would say another thing than was written, so it is left out.
fn readable(text: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    match (text.get(..MAX_ROBOTS), text.get(MAX_ROBOTS)) {
        (Some(head), Some(next)) if !is_end(next) => {
            let end = head.iter().rposition(is_end).map_or(0, |at| at + 1);
            head.get(..end).unwrap_or_default()
        }
        (Some(head), _) => head,
        (None, _) => text,
    }
}

/// The lines, ended by LF, CR or both (2.2).
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(end);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..));
        Some(line)
    })
}

#[derive(Default)]
struct Parser {
    robots: Robots,
    /// Whether the last group has a rule already, so that the next agent begins another (2.1). Other records end no
    /// group (2.2.4).
    has_rules: bool,
}

impl Parser {
    fn line(&mut self, number: usize, line: &[u8]) {
        let Some((name, value)) = record(line) else { return };
        match name.to_ascii_lowercase().as_slice() {
            b"user-agent" => self.agent(value),
            b"allow" => self.rule(RuleKind::Allow, number, line, value),
            b"disallow" => self.rule(RuleKind::Disallow, number, line, value),
            b"crawl-delay" => self.crawl_delay(value),
            b"sitemap" if !value.is_empty() => {
                self.robots.sitemaps.push(String::from_utf8_lossy(value).into_owned())
            }
            _ => {}
        }
    }

    fn agent(&mut self, value: &[u8]) {
        if self.has_rules || self.robots.groups.is_empty() {
            self.robots.groups.push(Group::default());
            self.has_rules = false;
        }
        if let Some(group) = self.robots.groups.last_mut() {
            group.agents.extend(agent::named(&String::from_utf8_lossy(value)));
        }
    }

    /// A rule before any agent is for nobody; one without a pattern ends the list of agents and says nothing.
    fn rule(&mut self, access: RuleKind, number: usize, line: &[u8], value: &[u8]) {
        let Some(group) = self.robots.groups.last_mut() else { return };
        self.has_rules = true;
        if !value.is_empty() {
            let text = String::from_utf8_lossy(without_comment(line)).into();
            group.rules.push(Rule { access, pattern: Pattern::new(value), line: number, text });
        }
    }

    fn crawl_delay(&mut self, value: &[u8]) {
        let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
        let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if let Some(group) = self.robots.groups.last_mut() {
            group.crawl_delay = group.crawl_delay.max(delay);
        }
    }
}

/// The name and the value of a line that is a record.
fn record(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = without_comment(line);
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

fn without_comment(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii()
}
