//! The machine over every state and event, by tables, and by random lives.

use super::*;
use proptest::prelude::*;

const NOW: Millis = Millis(100_000);

const STATES: [State; 9] = [
    State::Waiting,
    State::Starting,
    State::Ready { since: Millis(99_000) },
    State::Stopping { kill_at: Some(Millis(101_000)) },
    State::Stopping { kill_at: None },
    State::Stopped,
    State::Backoff { until: Millis(100_500) },
    State::Done,
    State::Failed,
];

const EVENTS: [Event; 9] = [
    Event::Start,
    Event::RequirementFailed,
    Event::NotSpawned,
    Event::Executed,
    Event::Ended(Exit::Code(0)),
    Event::Ended(Exit::Code(1)),
    Event::Ended(Exit::Signal(9)),
    Event::Stop,
    Event::Deadline,
];

fn rules(kind: Kind, restart: Restart) -> Rules {
    Rules { kind, restart, stop_timeout: Millis(5_000), crash_limit: None }
}

const KINDS: [Kind; 3] = [Kind::Daemon, Kind::Oneshot, Kind::Console];
const RESTARTS: [Restart; 3] = [Restart::Always, Restart::OnFailure, Restart::Never];

fn every(mut check: impl FnMut(State, Event, &Rules, State, Action)) {
    for state in STATES {
        for event in EVENTS {
            for kind in KINDS {
                for restart in RESTARTS {
                    let rules = rules(kind, restart);
                    let (next, action) = step(state, event, NOW, &rules, &mut History::default());
                    check(state, event, &rules, next, action);
                }
            }
        }
    }
}

#[test]
fn a_process_is_made_only_where_there_is_none_and_lost_only_when_it_ended() {
    every(|state, event, _, next, action| {
        if action == Action::Spawn {
            assert!(!state.is_running() && next == State::Starting, "{state:?} {event:?}");
        }
        let gone = matches!(event, Event::Ended(_) | Event::NotSpawned);
        if state.is_running() && !gone {
            assert!(next.is_running(), "{state:?} {event:?} forgot a process");
        }
        if !state.is_running() && next.is_running() {
            assert_eq!(action, Action::Spawn, "{state:?} {event:?} runs without a process");
        }
    });
}

#[test]
fn a_stop_always_wins() {
    every(|state, event, _, next, _| {
        if event == Event::Stop {
            let down = matches!(next, State::Stopping { .. } | State::Stopped | State::Done | State::Failed);
            assert!(down, "{state:?} survived a stop as {next:?}");
        }
        if let (State::Stopping { .. }, Event::Ended(_)) = (state, event) {
            assert_eq!(next, State::Stopped);
        }
    });
}

#[test]
fn what_stops_is_killed_once_its_time_is_over() {
    let rules = rules(Kind::Daemon, Restart::Always);
    let history = &mut History::default();
    let (state, action) = step(State::Ready { since: NOW }, Event::Stop, NOW, &rules, history);
    assert_eq!((state, action), (State::Stopping { kill_at: Some(Millis(105_000)) }, Action::Ask));
    let (state, action) = step(state, Event::Deadline, Millis(105_000), &rules, history);
    assert_eq!((state, action), (State::Stopping { kill_at: None }, Action::Kill));
    assert_eq!(state.deadline(), None);
}

#[test]
fn an_end_is_an_end_or_a_new_start_by_kind_and_restart() {
    use Restart::*;
    let cases = [
        (Kind::Daemon, Always, 0, "backoff"),
        (Kind::Daemon, Always, 1, "backoff"),
        (Kind::Daemon, OnFailure, 0, "done"),
        (Kind::Daemon, OnFailure, 1, "backoff"),
        (Kind::Daemon, Never, 0, "done"),
        (Kind::Daemon, Never, 1, "failed"),
        (Kind::Oneshot, Always, 0, "done"),
        (Kind::Oneshot, Always, 1, "backoff"),
        (Kind::Oneshot, OnFailure, 0, "done"),
        (Kind::Oneshot, OnFailure, 1, "backoff"),
        (Kind::Oneshot, Never, 0, "done"),
        (Kind::Oneshot, Never, 1, "failed"),
        (Kind::Console, Always, 0, "backoff"),
        (Kind::Console, Never, 1, "failed"),
    ];
    for (kind, restart, code, expected) in cases {
        let event = Event::Ended(Exit::Code(code));
        let (next, _) = step(State::Starting, event, NOW, &rules(kind, restart), &mut History::default());
        assert_eq!(next.name(), expected, "{kind:?} {restart:?} {code}");
    }
}

#[test]
fn the_first_restart_is_at_once_and_the_rest_are_slower_and_slower() {
    let rules = rules(Kind::Daemon, Restart::Always);
    let history = &mut History::default();
    let mut delays = std::vec::Vec::new();
    for _ in 0..300 {
        let (next, _) = step(State::Starting, Event::Ended(Exit::Code(1)), NOW, &rules, history);
        let State::Backoff { until } = next else { panic!("{next:?}") };
        delays.push(until.0 - NOW.0);
    }
    assert_eq!(delays[..10], [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600]);
    assert!(delays[10..].iter().all(|&delay| delay == 30000), "{delays:?}");
    assert_eq!(history.restarts, 300);
    // Ten healthy seconds, and it is at once again.
    let healthy = State::Ready { since: Millis(NOW.0 - HEALTHY) };
    let (next, _) = step(healthy, Event::Ended(Exit::Signal(11)), NOW, &rules, history);
    assert_eq!(next, State::Backoff { until: NOW });
}

#[test]
fn a_crash_limit_gives_up_only_within_its_time() {
    let limited = Rules { crash_limit: Some((3, Millis(1_000))), ..rules(Kind::Daemon, Restart::Always) };
    let history = &mut History::default();
    let mut crash = |at: u64| step(State::Starting, Event::Ended(Exit::Code(1)), Millis(at), &limited, history).1;
    assert_eq!(crash(0), Action::Clear);
    assert_eq!(crash(600), Action::Clear);
    assert_eq!(crash(1_700), Action::Clear, "the first two are forgotten");
    assert_eq!(crash(1_800), Action::Clear);
    assert_eq!(crash(1_900), Action::GiveUp);
}

proptest! {
    /// Random lives: there is a process exactly while the state says so, and whatever waits has a deadline or an event
    /// that ends it.
    #[test]
    fn no_life_loses_its_process(events in proptest::collection::vec(0usize..9, 1..200), kind in 0usize..3, restart in 0usize..3) {
        let rules = rules(KINDS[kind], RESTARTS[restart]);
        let mut history = History::default();
        let (mut state, mut process, mut now) = (State::Waiting, false, NOW);
        for index in events {
            let mut event = EVENTS[index];
            now = Millis(now.0 + 37);
            // Only what can happen: an end needs a process, a deadline one that is due.
            if matches!(event, Event::Ended(_) | Event::Executed | Event::NotSpawned) && !process {
                continue;
            }
            if event == Event::Deadline {
                let Some(deadline) = state.deadline() else { continue };
                now = Millis(now.0.max(deadline.0));
            }
            if event == Event::NotSpawned && state != State::Starting {
                event = Event::Ended(Exit::Code(125));
            }
            let (next, action) = step(state, event, now, &rules, &mut history);
            match event {
                Event::Ended(_) | Event::NotSpawned => process = false,
                _ => {}
            }
            if action == Action::Spawn {
                prop_assert!(!process);
                process = true;
            }
            state = next;
            prop_assert_eq!(process, state.is_running(), "{:?}", state);
        }
        // A stop and a kill bring every life to rest.
        let (state, _) = step(state, Event::Stop, now, &rules, &mut history);
        let (state, _) = step(state, Event::Ended(Exit::Signal(9)), now, &rules, &mut history);
        prop_assert!(!state.is_running());
        prop_assert_eq!(state.deadline(), None);
    }
}
