//! What the server's log says of who asked for what, and when. Pure.

use std::collections::HashMap;

use serde::Deserialize;

/// The longest that a page waits for its commit, in seconds, by the crawl's promise.
pub(super) const COMMIT_WITHIN: f64 = 0.1;

/// What a request is for that is made after a kill and before the crawl is begun again.
const MARK: &str = "/killed/";

/// A line of the log of a generated site.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Visit {
    path: String,
    page: Option<u64>,
    connection: u64,
    start: f64,
    end: f64,
    status: Option<u16>,
}

/// # Errors
/// A line is none of a request.
pub(super) fn parse(log: &str) -> anyhow::Result<Vec<Visit>> {
    Ok(log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// The end of a process, in seconds since 1970.
#[derive(Debug, Clone, Default)]
pub(super) struct Killed {
    pub(super) at: f64,
    /// When it was made to stand still before, and until when: nobody can keep a promise meanwhile.
    pub(super) stops: Vec<(f64, f64)>,
}

impl Killed {
    /// How long the process stood still from then until its end.
    fn stood_still_since(&self, then: f64) -> f64 {
        self.stops.iter().map(|(from, to)| (to.min(self.at) - from.max(then)).max(0.0)).sum()
    }
}

/// The path of the request that is made after this kill, of which 0 is the first.
pub(super) fn mark(kill: usize) -> String {
    format!("{MARK}{kill}")
}

/// Pages that were fetched again although they were safe: neither on their way at the kill of the process that had asked for
/// them, nor ended within the time of a commit before it. Each kill has its mark in the log.
pub(super) fn needless(visits: &[Visit], kills: &[Killed]) -> Vec<String> {
    let runs = Runs::of(visits);
    let mut pages: HashMap<u64, Vec<&Visit>> = HashMap::new();
    for visit in visits {
        if let Some(page) = visit.page {
            pages.entry(page).or_default().push(visit);
        }
    }
    let mut found: Vec<String> =
        pages.into_iter().flat_map(|(page, visits)| needless_of(page, visits, &runs, kills)).collect();
    found.sort();
    found
}

fn needless_of(page: u64, mut visits: Vec<&Visit>, runs: &Runs, kills: &[Killed]) -> Vec<String> {
    visits.sort_by(|a, b| a.start.total_cmp(&b.start));
    let pairs = visits.iter().zip(visits.iter().skip(1));
    let safe = pairs.filter(|(first, second)| {
        let run = runs.of_visit(first);
        let kill = kills.get(run).filter(|_| run < runs.of_visit(second));
        !is_retry(first, second) && !kill.is_some_and(|kill| is_lost(first, kill))
    });
    let said = |(first, second): (&&Visit, &&Visit)| {
        let run = runs.of_visit(first);
        let before = kills.get(run).map_or(f64::INFINITY, |kill| kill.at - first.end);
        format!(
            "page {page} of run {run} answered at {:.3}, {before:.3} s before its kill, was fetched again at {:.3}",
            first.end, second.start
        )
    };
    safe.map(said).collect()
}

fn is_retry(first: &Visit, second: &Visit) -> bool {
    first.status != Some(200) && first.end <= second.start
}

/// Whether a kill of who asked for it may have lost it.
fn is_lost(visit: &Visit, kill: &Killed) -> bool {
    kill.at - visit.end - kill.stood_still_since(visit.end) < COMMIT_WITHIN
}

/// Which process a request came from. The server may see a request only when its process is no more, but connections come in
/// their order: those of a killed process before that of the mark.
struct Runs {
    /// The connections of the marks, in order.
    marks: Vec<u64>,
}

impl Runs {
    fn of(visits: &[Visit]) -> Self {
        let is_mark = |visit: &&Visit| visit.path.starts_with(MARK);
        let mut marks: Vec<u64> = visits.iter().filter(is_mark).map(|visit| visit.connection).collect();
        marks.sort_unstable();
        Self { marks }
    }

    /// 0 is the first.
    fn of_visit(&self, visit: &Visit) -> usize {
        self.marks.partition_point(|mark| *mark < visit.connection)
    }
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

    fn visit(connection: u64, start: f64, end: f64, status: u16) -> Visit {
        Visit { path: "/p/1".to_owned(), page: Some(1), connection, start, end, status: Some(status) }
    }

    fn killed(at: f64) -> Killed {
        Killed { at, stops: Vec::new() }
    }

    #[test]
    fn while_it_is_made_to_stand_still_a_process_commits_nothing() {
        let visits = [visit(1, 1.0, 1.5, 200), marked(), visit(3, 9.0, 9.1, 200)];
        let needless = |stops| needless(&visits, &[Killed { at: 1.7, stops }]).len();
        assert_eq!(needless(vec![(1.52, 1.6), (1.61, 1.64)]), 0, "90 ms are left");
        assert_eq!(needless(vec![(1.52, 1.6)]), 1, "120 ms are left");
        assert_eq!(needless(vec![(1.1, 1.5), (1.7, 1.9)]), 1, "before and after do not count");
    }

    /// The mark after a kill, on the second connection.
    fn marked() -> Visit {
        Visit { path: mark(0), page: None, connection: 2, start: 8.0, end: 8.0, status: Some(404) }
    }

    #[test]
    fn a_page_may_come_again_if_it_was_on_its_way_at_a_kill_or_had_just_ended() {
        let again = |end, kill| {
            needless(&[visit(1, 1.0, end, 200), marked(), visit(3, 9.0, 9.1, 200)], &[killed(kill)]).len()
        };
        assert_eq!(again(1.5, 1.2), 0, "on its way");
        assert_eq!(again(1.5, 1.55), 0, "ended 50 ms before");
        assert_eq!(again(1.5, 1.7), 1, "ended 200 ms before");
    }

    #[test]
    fn a_request_that_the_server_sees_after_the_kill_was_on_its_way() {
        // It was sent before, and is answered to nobody while the next process asks again.
        let late = visit(1, 5.003, 5.060, 200);
        assert!(needless(&[late, marked(), visit(3, 5.017, 5.074, 200)], &[killed(5.0)]).is_empty());
    }

    #[test]
    fn a_kill_excuses_what_its_own_process_had_asked_for_and_nothing_else() {
        let twice = [visit(1, 1.0, 1.1, 200), visit(1, 1.2, 1.3, 200), marked()];
        assert_eq!(needless(&twice, &[killed(1.15)]).len(), 1, "one process asked twice");
        let later = [visit(3, 9.0, 9.1, 200), visit(4, 9.2, 9.3, 200), marked()];
        assert_eq!(needless(&later, &[killed(9.1)]).len(), 1, "the kill was before both");
    }

    #[test]
    fn retries_are_no_fault_and_without_a_kill_everything_else_is() {
        assert!(needless(&[visit(1, 1.0, 1.1, 503), visit(1, 2.0, 2.1, 200)], &[]).is_empty());
        assert_eq!(needless(&[visit(1, 2.0, 2.1, 200), visit(1, 1.0, 1.1, 200)], &[]).len(), 1);
        assert_eq!(needless(&[visit(1, 1.0, 3.0, 503), visit(1, 2.0, 2.1, 200)], &[]).len(), 1, "at once");
    }

    #[test]
    fn what_is_no_page_does_not_count() {
        let robots = marked();
        assert!(needless(&[robots.clone(), robots.clone()], &[]).is_empty());
        assert_eq!(again(&[robots.clone(), robots, visit(1, 0.0, 0.0, 200), visit(1, 0.0, 0.0, 200)]), 1);
    }

    #[test]
    fn the_log_of_a_generated_site_is_understood() {
        let line = r#"{"path":"/p/3","page":3,"connection":1,"start":1.5,"end":2.5,"status":null}"#;
        let found = parse(&format!("{line}\n")).unwrap();
        assert_eq!((found[0].page, found[0].start, found[0].status), (Some(3), 1.5, None));
        assert_eq!((found[0].path.as_str(), found[0].connection), ("/p/3", 1));
        assert!(parse("x\n").is_err());
    }
}
