//! The machine over every state and event, by tables, and by random lives.

use super::*;
use proptest::prelude::*;

const NOW: Millis = Millis(100_000);

const SINCE: Millis = Millis(99_000);
const STARTING: State = State::Starting { until: None };
const READY: State = State::Ready { since: SINCE, fed_until: None };

fn states() -> std::vec::Vec<State> {
    let soon = Some(Millis(100_700));
    let mut states = std::vec![
        State::Waiting,
        STARTING,
        State::Starting { until: soon },
        READY,
        State::Ready { since: SINCE, fed_until: soon },
        State::Stopped,
        State::Backoff { until: Millis(100_500) },
        State::Done,
        State::Failed,
    ];
    for then in [Then::Stay, Then::Start, Then::Judge, Then::Fail] {
        states.extend([State::Stopping { kill_at: soon, then }, State::Stopping { kill_at: None, then }]);
    }
    states
}

const EVENTS: [Event; 16] = [
    Event::Want,
    Event::Start,
    Event::RequirementFailed,
    Event::NotSpawned,
    Event::Executed,
    Event::Announced,
    Event::Fed,
    Event::Extend(Millis(9_000)),
    Event::Leaving,
    Event::Ended(Exit::Code(0)),
    Event::Ended(Exit::Code(1)),
    Event::Ended(Exit::Signal(9)),
    Event::Stop,
    Event::Stop,
    Event::Restart,
    Event::Deadline,
];

fn rules(kind: Kind, restart: Restart) -> Rules {
    Rules {
        kind,
        restart,
        announces: false,
        start_timeout: None,
        stop_timeout: Millis(5_000),
        watchdog: None,
        crash_limit: None,
    }
}

const KINDS: [Kind; 3] = [Kind::Daemon, Kind::Oneshot, Kind::Console];
const RESTARTS: [Restart; 3] = [Restart::Always, Restart::OnFailure, Restart::Never];

/// Rules of every kind: bits 0 to 2 are time limits, readiness and a watchdog.
fn every_rule() -> std::vec::Vec<Rules> {
    let mut all = std::vec::Vec::new();
    for (kind, restart) in KINDS.into_iter().flat_map(|kind| RESTARTS.map(|restart| (kind, restart))) {
        for bits in 0..8 {
            let has = |bit: u32| bits & (1 << bit) != 0;
            all.push(Rules {
                announces: has(0),
                start_timeout: has(1).then_some(Millis(3_000)),
                watchdog: has(2).then_some(Millis(2_000)),
                ..rules(kind, restart)
            });
        }
    }
    all
}

fn every(mut check: impl FnMut(State, Event, &Rules, State, Action)) {
    for state in states() {
        for event in EVENTS {
            for rules in every_rule() {
                let (next, action) = step(state, event, NOW, &rules, &mut History::default());
                check(state, event, &rules, next, action);
            }
        }
    }
}

#[test]
fn a_process_is_made_only_where_there_is_none_and_lost_only_when_it_ended() {
    every(|state, event, _, next, action| {
        if action == Action::Spawn {
            assert!(!state.is_running() && matches!(next, State::Starting { .. }), "{state:?} {event:?}");
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
            let down = matches!(next, State::Stopping { then: Then::Stay, .. }) || next.is_at_rest();
            assert!(down, "{state:?} survived a stop as {next:?}");
        }
        if let (State::Stopping { then: Then::Stay, .. }, Event::Ended(_)) = (state, event) {
            assert_eq!(next, State::Stopped);
        }
    });
}

#[test]
fn whoever_is_told_to_end_is_killed_in_time_and_nobody_else_is() {
    every(|state, event, rules, next, action| {
        if matches!(action, Action::Ask | Action::Abort) {
            let State::Stopping { kill_at, .. } = next else { panic!("{state:?} {event:?} {next:?}") };
            assert_eq!(kill_at, Some(Millis(NOW.0 + rules.stop_timeout.0)));
        }
        let overdue = matches!(state, State::Stopping { kill_at: Some(_), .. }) && event == Event::Deadline;
        assert_eq!(action == Action::Kill, overdue, "{state:?} {event:?}");
        // Only a kill takes the last deadline from what runs and was told to end.
        if let (State::Stopping { kill_at: Some(_), .. }, State::Stopping { kill_at: None, .. }) = (state, next) {
            assert_eq!(action, Action::Kill);
        }
    });
}

#[test]
fn what_stops_is_killed_once_its_time_is_over() {
    let rules = rules(Kind::Daemon, Restart::Always);
    let history = &mut History::default();
    let (state, action) = step(READY, Event::Stop, NOW, &rules, history);
    let kill_at = Some(Millis(105_000));
    assert_eq!((state, action), (State::Stopping { kill_at, then: Then::Stay }, Action::Ask));
    let (state, action) = step(state, Event::Deadline, Millis(105_000), &rules, history);
    assert_eq!((state, action), (State::Stopping { kill_at: None, then: Then::Stay }, Action::Kill));
    assert_eq!(state.deadline(), None);
}

#[test]
fn ready_is_what_it_says_or_its_execve() {
    let plain = rules(Kind::Daemon, Restart::Always);
    let announces = Rules { announces: true, watchdog: Some(Millis(2_000)), ..plain };
    let oneshot = Rules { kind: Kind::Oneshot, ..plain };
    let history = &mut History::default();
    let mut after = |event, rules: &Rules| step(STARTING, event, NOW, rules, history).0;
    assert_eq!(after(Event::Executed, &plain), State::Ready { since: NOW, fed_until: None });
    assert_eq!(after(Event::Announced, &plain), STARTING);
    assert_eq!(after(Event::Executed, &announces), STARTING);
    assert_eq!(after(Event::Announced, &announces), State::Ready { since: NOW, fed_until: Some(Millis(102_000)) });
    assert_eq!(after(Event::Executed, &oneshot), STARTING);
}

#[test]
fn who_is_not_ready_in_time_or_shows_no_life_has_failed_however_it_ends() {
    let rules = Rules {
        announces: true,
        start_timeout: Some(Millis(3_000)),
        watchdog: Some(Millis(2_000)),
        ..rules(Kind::Daemon, Restart::OnFailure)
    };
    let history = &mut History::default();
    let (starting, action) = step(State::Waiting, Event::Start, NOW, &rules, history);
    assert_eq!((starting, action), (State::Starting { until: Some(Millis(103_000)) }, Action::Spawn));
    let (longer, _) = step(starting, Event::Extend(Millis(9_000)), NOW, &rules, history);
    assert_eq!(longer.deadline(), Some(Millis(109_000)));
    assert_eq!(step(longer, Event::Extend(Millis(1)), NOW, &rules, history).0, longer, "never less");
    let (late, action) = step(starting, Event::Deadline, Millis(103_000), &rules, history);
    assert_eq!(action, Action::Ask);
    assert!(matches!(step(late, Event::Ended(Exit::Code(0)), NOW, &rules, history).0, State::Backoff { .. }));
    let (ready, _) = step(starting, Event::Announced, NOW, &rules, history);
    let (fed, _) = step(ready, Event::Fed, Millis(101_000), &rules, history);
    assert_eq!(fed.deadline(), Some(Millis(103_000)));
    let (dead, action) = step(fed, Event::Deadline, Millis(103_000), &rules, history);
    assert_eq!(action, Action::Abort);
    assert!(matches!(step(dead, Event::Ended(Exit::Code(0)), NOW, &rules, history).0, State::Backoff { .. }));
}

#[test]
fn who_says_that_it_ends_is_judged_by_its_end_and_killed_in_time() {
    let rules = rules(Kind::Daemon, Restart::OnFailure);
    let history = &mut History::default();
    let (leaving, action) = step(READY, Event::Leaving, NOW, &rules, history);
    assert_eq!((leaving.deadline(), action), (Some(Millis(105_000)), Action::None));
    assert_eq!(step(leaving, Event::Ended(Exit::Code(0)), NOW, &rules, history).0, State::Done);
    assert!(matches!(step(leaving, Event::Ended(Exit::Code(1)), NOW, &rules, history).0, State::Backoff { .. }));
}

#[test]
fn a_restart_goes_through_a_stop_and_the_last_wish_counts() {
    let rules = rules(Kind::Daemon, Restart::Never);
    let history = &mut History::default();
    let (stopping, action) = step(READY, Event::Restart, NOW, &rules, history);
    assert_eq!(action, Action::Ask);
    let (next, action) = step(stopping, Event::Ended(Exit::Signal(15)), NOW, &rules, history);
    assert_eq!((next, action), (State::Backoff { until: NOW }, Action::Clear));
    let (stopped, _) = step(stopping, Event::Stop, NOW, &rules, history);
    assert_eq!(step(stopped, Event::Ended(Exit::Signal(15)), NOW, &rules, history).0, State::Stopped);
    let (again, action) = step(stopped, Event::Want, NOW, &rules, history);
    assert_eq!((again, action), (stopping, Action::None));
    for rest in [State::Stopped, State::Done, State::Failed] {
        assert_eq!(step(rest, Event::Restart, NOW, &rules, history).0, State::Waiting);
    }
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
        let (next, _) = step(STARTING, event, NOW, &rules(kind, restart), &mut History::default());
        assert_eq!(next.name(), expected, "{kind:?} {restart:?} {code}");
    }
}

#[test]
fn the_first_restart_is_at_once_and_the_rest_are_slower_and_slower() {
    let rules = rules(Kind::Daemon, Restart::Always);
    let history = &mut History::default();
    let mut delays = std::vec::Vec::new();
    for _ in 0..300 {
        let (next, _) = step(STARTING, Event::Ended(Exit::Code(1)), NOW, &rules, history);
        let State::Backoff { until } = next else { panic!("{next:?}") };
        delays.push(until.0 - NOW.0);
    }
    assert_eq!(delays[..10], [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600]);
    assert!(delays[10..].iter().all(|&delay| delay == 30000), "{delays:?}");
    assert_eq!(history.restarts, 300);
    // Ten healthy seconds, and it is at once again.
    let healthy = State::Ready { since: Millis(NOW.0 - HEALTHY), fed_until: None };
    let (next, _) = step(healthy, Event::Ended(Exit::Signal(11)), NOW, &rules, history);
    assert_eq!(next, State::Backoff { until: NOW });
}

#[test]
fn a_crash_limit_gives_up_only_within_its_time() {
    let limited = Rules { crash_limit: Some((3, Millis(1_000))), ..rules(Kind::Daemon, Restart::Always) };
    let history = &mut History::default();
    let mut crash = |at: u64| step(STARTING, Event::Ended(Exit::Code(1)), Millis(at), &limited, history).1;
    assert_eq!(crash(0), Action::Clear);
    assert_eq!(crash(600), Action::Clear);
    assert_eq!(crash(1_700), Action::Clear, "the first two are forgotten");
    assert_eq!(crash(1_800), Action::Clear);
    assert_eq!(crash(1_900), Action::GiveUp);
}

proptest! {
    /// Random lives: there is a process exactly while the state says so, every deadline comes, and a stop and a kill bring
    /// each to rest.
    #[test]
    fn no_life_loses_its_process(events in proptest::collection::vec(0usize..16, 1..200), rule in 0usize..72) {
        let rules = every_rule()[rule];
        let mut history = History::default();
        let (mut state, mut process, mut now) = (State::Waiting, false, NOW);
        for index in events {
            let event = EVENTS[index];
            now = Millis(now.0 + 37);
            // Only what can happen: an end needs a process, a deadline one that is due.
            let needs_process = matches!(event, Event::Ended(_) | Event::Executed | Event::Announced | Event::Leaving | Event::Fed);
            if needs_process && !process || event == Event::NotSpawned {
                continue;
            }
            if event == Event::Deadline {
                let Some(deadline) = state.deadline() else { continue };
                now = Millis(now.0.max(deadline.0));
            }
            let (next, action) = step(state, event, now, &rules, &mut history);
            if matches!(event, Event::Ended(_)) {
                process = false;
            }
            if action == Action::Spawn {
                prop_assert!(!process);
                process = true;
            }
            state = next;
            prop_assert_eq!(process, state.is_running(), "{:?}", state);
            prop_assert!(state.deadline().is_none_or(|deadline| deadline.0 <= now.0 + 30_000));
        }
        let (state, _) = step(state, Event::Stop, now, &rules, &mut history);
        let (state, _) = step(state, Event::Ended(Exit::Signal(9)), now, &rules, &mut history);
        prop_assert!(state.is_at_rest());
        prop_assert_eq!(state.deadline(), None);
    }
}
