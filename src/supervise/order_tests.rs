//! Orders over small sets of services: what starts, what waits, what never can.

use super::*;
use crate::config::Set;
use crate::text::duration::Millis;
use std::vec::Vec;

const READY: State = State::Ready { since: Millis(0), fed_until: None };

fn named(name: &'static str, after: &[usize], requires: &[usize]) -> Service<'static> {
    let mut service = Service::new(name);
    after.iter().for_each(|&index| service.after.insert(index));
    requires.iter().for_each(|&index| service.requires.insert(index));
    service
}

#[test]
fn after_waits_for_an_end_of_any_kind_and_requires_for_a_good_one() {
    let every = [
        (State::Waiting, Verdict::Wait, Verdict::Wait),
        (State::Starting { until: None }, Verdict::Wait, Verdict::Wait),
        (READY, Verdict::Go, Verdict::Go),
        (State::Stopping { kill_at: None, then: super::super::service::Then::Stay }, Verdict::Wait, Verdict::Wait),
        (State::Backoff { until: Millis(5) }, Verdict::Wait, Verdict::Wait),
        (State::Done, Verdict::Go, Verdict::Go),
        (State::Failed, Verdict::Go, Verdict::Never(1)),
        (State::Stopped, Verdict::Go, Verdict::Never(1)),
    ];
    for (state, after, requires) in every {
        assert_eq!(may_start(&named("a", &[1], &[]), |_| state), after, "after {state:?}");
        assert_eq!(may_start(&named("a", &[], &[1]), |_| state), requires, "requires {state:?}");
    }
}

#[test]
fn what_is_required_is_wanted_through_any_chain() {
    let mut services = [named("a", &[], &[1]), named("b", &[], &[2]), named("c", &[], &[]), named("d", &[], &[])];
    services[1].autostart = false;
    services[2].autostart = false;
    services[3].autostart = false;
    assert_eq!(members(wanted(&services)).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn what_stops_takes_along_what_requires_it() {
    let services = [named("a", &[], &[]), named("b", &[], &[0]), named("c", &[], &[1]), named("d", &[0], &[])];
    let mut set = Set::EMPTY;
    set.insert(0);
    assert_eq!(members(with_dependents(set, &services)).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn stopping_goes_the_other_way() {
    let services = [named("a", &[], &[]), named("b", &[0], &[]), named("c", &[], &[1])];
    assert!(!may_stop(0, &services, |_| true));
    assert!(!may_stop(1, &services, |_| true));
    assert!(may_stop(2, &services, |_| true));
    assert!(may_stop(1, &services, |index| index != 2));
    assert_eq!(Set::EMPTY.0, 0);
}
