//! A Register in parts, for an agent that holds more than one message takes.
//!
//! Used by `session`. Every account goes with the part in which it fits; the last part says so.

use ferry_wire::v1::Register;
use prost::Message;

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
    use ferry_wire::v1::{AccountReport, StaticAccount};

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
