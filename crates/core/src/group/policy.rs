//! What one failure means for the others.

/// What the failure of one task means for its group. A failure is an error or a panic; being cancelled is none.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Policy, Root, TaskGroup, sleep};
///
/// let failures = |policy| Root::new().reporter(|_unseen| ()).simulate(1, async move {
///     let group = TaskGroup::<(), &str>::new().policy(policy);
///     group.spawn(async { Err("one") });
///     group.spawn(async { sleep(Duration::from_secs(1)).await; Err("two") });
///     group.join().await.map_or_else(|error| error.failures().len(), |values| values.len())
/// });
/// assert_eq!(failures(Policy::FailFast), 1);
/// assert_eq!(failures(Policy::Collect), 2);
/// assert_eq!(failures(Policy::Supervise), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It cancels all others.
    #[default]
    FailFast,
    /// The others go on to their ends; [`TaskGroup::join`](crate::TaskGroup::join) then gives every failure.
    Collect,
    /// It concerns nobody else, and the group does not fail. No outcome is kept: each failure goes at once to the
    /// [`reporter`](crate::Root::reporter) of the root scope, and values are dropped. For what goes on for long,
    /// such as a task for each connection.
    Supervise,
}
