use super::requests::commit;
use super::state::EndpointState;
use crate::account::definition::DEAD_LETTER_QUEUE;

/// What became of a run's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Requests with at least one build.
    pub started: usize,
    /// Builds beyond the first of a request.
    pub duplicates: usize,
    /// Builds of no request.
    pub strays: usize,
    /// Commits that show `success`.
    pub successes: usize,
    /// Stored flags.
    pub flag_posts: u64,
    /// Stored flags that replaced a final status by another.
    pub backward_flags: u64,
    /// Messages in the dead-letter queue.
    pub dead_letters: usize,
}

/// Judges the requests with the numbers below `jobs`.
pub(super) fn judge(state: &EndpointState, jobs: usize) -> Verdict {
    let builds_of = |number: usize| state.starts.get(&commit(number)).map_or(0, Vec::len);
    let builds: Vec<usize> = (0..jobs).map(builds_of).collect();
    let started = builds.iter().filter(|builds| **builds > 0).count();
    let (flag_posts, backward_flags) = state.flags.counts();
    Verdict {
        started,
        duplicates: builds.iter().sum::<usize>() - started,
        strays: state.starts.values().map(Vec::len).sum::<usize>() - builds.iter().sum::<usize>(),
        successes: (0..jobs).filter(|number| state.flags.status(&commit(*number)) == Some("success")).count(),
        flag_posts,
        backward_flags,
        dead_letters: state.queues.get(DEAD_LETTER_QUEUE).map_or(0, |queue| queue.len()),
    }
}
