//! What the server's log says of who asked for what, and when. Pure.

use std::collections::HashMap;

use serde::Deserialize;

/// The longest that a page waits for its commit, in seconds, by the crawl's promise.
pub(super) const COMMIT_WITHIN: f64 = 0.1;

/// A line of the log of a generated site.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Visit {
    page: Option<u64>,
    start: f64,
    end: f64,
    status: Option<u16>,
}

/// # Errors
/// A line is none of a request.
pub(super) fn parse(log: &str) -> anyhow::Result<Vec<Visit>> {
    Ok(log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Pages that were fetched again although they were safe: neither on their way at a kill, nor had ended within the time of
/// a commit before it. The kills are in seconds since 1970.
pub(super) fn needless(visits: &[Visit], kills: &[f64]) -> Vec<String> {
    let mut pages: HashMap<u64, Vec<&Visit>> = HashMap::new();
    for visit in visits {
        pages.entry(visit.page.unwrap_or(u64::MAX)).or_default().push(visit);
    }
    pages.remove(&u64::MAX);
    let mut found: Vec<String> = pages
        .into_iter()
        .flat_map(|(page, visits)| needless_of(visits, kills).map(move |why| format!("page {page} {why}")))
        .collect();
    found.sort();
    found
}

fn needless_of<'a>(mut visits: Vec<&'a Visit>, kills: &'a [f64]) -> impl Iterator<Item = String> + use<'a> {
    visits.sort_by(|a, b| a.start.total_cmp(&b.start));
    let pairs: Vec<(&Visit, &Visit)> = visits.iter().copied().zip(visits.iter().copied().skip(1)).collect();
    pairs.into_iter().filter(|(first, second)| !may_be_again(first, second, kills)).map(|(first, second)| {
        format!("answered at {:.3} was fetched again at {:.3}", first.end, second.start)
    })
}

/// Whether the second visit is a retry, or owed to a kill.
fn may_be_again(first: &Visit, second: &Visit, kills: &[f64]) -> bool {
    let is_retry = first.status != Some(200) && first.end <= second.start;
    let is_lost = |kill: f64| first.start <= kill && kill < second.start && first.end > kill - COMMIT_WITHIN;
    is_retry || kills.iter().any(|kill| is_lost(*kill))
}

/// How many pages were fetched again after a good answer.
pub(super) fn again(visits: &[Visit]) -> u64 {
    let good = visits.iter().filter(|visit| visit.status == Some(200)).filter_map(|visit| visit.page);
    let counts = good.fold(HashMap::<u64, u64>::new(), |mut counts, page| {
        *counts.entry(page).or_default() += 1;
        counts
    });
    counts.values().map(|count| count - 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(page: u64, start: f64, end: f64, status: u16) -> Visit {
        Visit { page: Some(page), start, end, status: Some(status) }
    }

    #[test]
    fn a_page_may_come_again_if_it_was_on_its_way_at_a_kill_or_had_just_ended() {
        let again = |end, kill| needless(&[visit(1, 1.0, end, 200), visit(1, 9.0, 9.1, 200)], &[kill]).len();
        assert_eq!(again(1.5, 1.2), 0, "on its way");
        assert_eq!(again(1.5, 1.55), 0, "ended 50 ms before");
        assert_eq!(again(1.5, 1.7), 1, "ended 200 ms before");
        assert_eq!(again(1.5, 0.5), 1, "the kill was before it began");
        assert_eq!(again(1.5, 9.5), 1, "the kill was after both");
    }

    #[test]
    fn retries_are_no_fault_and_without_a_kill_everything_else_is() {
        assert!(needless(&[visit(1, 1.0, 1.1, 503), visit(1, 2.0, 2.1, 200)], &[]).is_empty());
        assert_eq!(needless(&[visit(1, 2.0, 2.1, 200), visit(1, 1.0, 1.1, 200)], &[]).len(), 1);
        assert_eq!(needless(&[visit(1, 1.0, 3.0, 503), visit(1, 2.0, 2.1, 200)], &[]).len(), 1, "at once");
    }

    #[test]
    fn what_is_no_page_does_not_count() {
        let robots = Visit { page: None, start: 1.0, end: 1.0, status: Some(404) };
        assert!(needless(&[robots.clone(), robots.clone()], &[]).is_empty());
        assert_eq!(again(&[robots.clone(), robots, visit(1, 0.0, 0.0, 200), visit(1, 0.0, 0.0, 200)]), 1);
    }

    #[test]
    fn the_log_of_a_generated_site_is_understood() {
        let line = r#"{"path":"/p/3","page":3,"connection":1,"start":1.5,"end":2.5,"status":null}"#;
        let found = parse(&format!("{line}\n")).unwrap();
        assert_eq!((found[0].page, found[0].start, found[0].status), (Some(3), 1.5, None));
        assert!(parse("x\n").is_err());
    }
}
