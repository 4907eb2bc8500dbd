//! A Register in parts, for an agent that holds more than one message takes.
//!
//! Used by `session`, and by `accounts`, which gathers what goes in. Every account goes with the part in
//! which it fits; the last part says so.

use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{AccountReport, Register};
use prost::Message;

/// The most bytes of a Register that reports with their namespaces take. Those of one account take less
/// than a kilobyte where its cluster is small, and up to 660.
const NAMESPACES: usize = 32 * 1024 * 1024;

/// What a Register has room for.
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn new() -> Self {
        Self(NAMESPACES)
    }

    /// `false`: there is no room for this report's namespaces, and it goes without.
    pub(crate) fn takes(&mut self, report: &mut AccountReport) -> bool {
        let Some(State::Ready(ready)) = &mut report.state else {
            return true;
        };
        let size = ready.namespaces.as_ref().map_or(0, Message::encoded_len);
        match self.0.checked_sub(size) {
            Some(left) => self.0 = left,
            None => ready.namespaces = None,
        }
        size == 0 || ready.namespaces.is_some()
    }
}

/// Divides a Register into parts of about `largest` bytes.
pub(crate) fn parts(whole: Register, largest: usize) -> Vec<Register> {
    let rest = Register {
        static_accounts: Vec::new(),
        held: Vec::new(),
        ..whole
    };
    let mut parts = Vec::new();
    let mut part = rest.clone();
    let mut size = part.encoded_len();
    let mut room = |part: &mut Register, more: usize| {
        if size + more > largest && size > 0 {
            part.more = true;
            parts.push(std::mem::take(part));
            size = 0;
        }
        size += more;
    };
    for account in whole.static_accounts {
        room(&mut part, account.encoded_len());
        part.static_accounts.push(account);
    }
    for report in whole.held {
        room(&mut part, report.encoded_len());
        part.held.push(report);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_wire::v1::{Namespaces, Ready, StaticAccount};

    #[test]
    fn namespaces_that_have_no_room_are_left_out_of_their_reports() {
        let report = |count: usize| {
            let names = vec!["n".repeat(1022); count];
            let namespaces = Some(Namespaces { names, total: 0 });
            let state = Some(State::Ready(Ready {
                namespaces,
                ..Ready::default()
            }));
            AccountReport {
                state,
                ..AccountReport::default()
            }
        };
        let mut room = Room::new();
        let whole = report(20 * 1024);
        let mut one = whole.clone();
        assert!(room.takes(&mut one));
        assert_eq!(one, whole);
        assert!(!room.takes(&mut one), "two are too much");
        let mut bare = whole.clone();
        if let Some(State::Ready(ready)) = &mut bare.state {
            ready.namespaces = None;
        }
        assert_eq!(one, bare);
        assert!(room.takes(&mut bare) && room.takes(&mut report(1)));
    }

    #[test]
    fn nothing_is_lost_and_only_the_last_part_ends_it() {
        let account = |at: u32| StaticAccount {
            name: format!("fixed-{at}"),
            definition: "x".repeat(100),
            report: None,
        };
        let report = |at: u32| AccountReport {
            account: format!("held-{at}"),
            ..AccountReport::default()
        };
        let whole = Register {
            agent_id: "a".into(),
            zone_id: "z".into(),
            static_accounts: (0..100).map(account).collect(),
            held: (0..100).map(report).collect(),
            ..Register::default()
        };
        let parts = parts(whole.clone(), 1000);
        assert!(parts.len() > 10);
        assert!(parts.iter().all(|part| part.encoded_len() < 1200));
        let (last, others) = parts.split_last().expect("there are parts");
        assert!(others.iter().all(|part| part.more) && !last.more);
        let mut joined = parts[0].clone();
        for part in &parts[1..] {
            assert!(part.agent_id.is_empty());
            joined.static_accounts.extend(part.static_accounts.clone());
            joined.held.extend(part.held.clone());
        }
        joined.more = false;
        assert_eq!(joined, whole);
        assert_eq!(super::parts(whole.clone(), usize::MAX), [whole]);
    }
}
