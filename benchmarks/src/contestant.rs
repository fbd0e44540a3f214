//! The contestant's side of a run: work until the time is up, print what was measured as a line of JSON.

use std::io::Write;

use anyhow::Context;

use crate::args::Order;
use crate::work::Laps;

/// Does what the frame asked for.
pub(crate) fn run(order: &Order<'_>) -> anyhow::Result<()> {
    let part = order.bench.parts.iter().find(|part| part.name == order.part);
    let part = part.with_context(|| format!("no part is called `{}`", order.part))?;
    let contestant = part.contestants.iter().find(|contestant| contestant.who == order.who);
    let contestant = contestant.with_context(|| format!("no contestant is called `{}`", order.who))?;
    let mut laps = Laps::new(order.at_least);
    (contestant.run)(order.input, &mut laps)?;
    let line = serde_json::to_string(&laps.finish()?)?;
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
