//! Random lives of a few accounts on a real core, or on two that share their tables: store on SQLite,
//! lifecycle, hub's registry, API and interceptor, beside a small Clouddriver and agents that do
//! everything that can go wrong. The clock is turned by hand, a core dies wherever it passes a
//! failpoint and starts anew on the same file; after every event the promises of the lifecycle are
//! held.
//!
//! `world` lets things happen, `asks`, `cores` and `ending` say how; `promises` says what has to hold,
//! `ledger` what an answer promised; `agents` and `engine` are the two sides. `PROPTEST_CASES` takes
//! more lives than `make test` does.

mod agents;
mod asks;
mod cores;
mod ending;
mod engine;
mod ledger;
mod promises;
mod scenes;
mod world;

use crate::account::Limits;
use agents::Manner;
use engine::Settings;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::collections::BTreeMap;
use std::time::Duration;
use world::Life;

const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
/// How long an agent goes on without a core, in seconds.
const GRACE: i64 = 600;
/// After so many seconds of silence the core ends a session.
const SILENCE: i64 = 90;
/// How many lives `make test` takes.
const CASES: u32 = 20;

const NAMES: [&str; 3] = ["a", "b", "scan-1"];
const AGENTS: [(&str, &str); 3] = [("a1", "A"), ("a2", "A"), ("b1", "B")];

/// A write to `/credentials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Post,
    Put,
    Delete,
}

/// What becomes of a write at Clouddriver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Clouddriver answers as it does.
    Answered,
    /// Clouddriver refuses it.
    Refused,
    /// Nobody hears the answer; with effect or without.
    Unheard(bool),
}

#[derive(Debug, Clone)]
enum Happening {
    Post(Vec<&'static str>),
    /// POST of an account with a definition.
    Bring(&'static str),
    /// PUT of one.
    Revise(&'static str),
    Patch {
        names: Vec<&'static str>,
        active: bool,
        zone: Option<&'static str>,
    },
    Delete(Vec<&'static str>),
    DeleteOne(&'static str),
    /// Accounts go back to Clouddriver's care.
    RollBack(Vec<&'static str>),
    /// A request with an Idempotency-Key, which is sent again should the core die of it.
    Keyed(Box<Happening>),
    /// The last one of these is sent once more.
    Repeat,
    Write(Write, &'static str, Fate),
    /// Clouddriver's account changes behind our back, or goes.
    Edit(&'static str),
    Remove(&'static str),
    /// Clouddriver answers reads from now on, or does not.
    Source(bool),
    Scan,
    Settle,
    /// The core is restarted with the other key as the one that seals.
    Rekey,
    /// What another key seals is sealed anew.
    Rotate,
    Look(&'static str),
    Connect(usize),
    Cut(usize),
    Notice(usize),
    Kill(usize),
    /// A person ends an agent's connection.
    Disconnect(usize),
    /// An agent starts with this account of its own, or none.
    Claim(usize, Option<(&'static str, &'static str)>),
    Manners(usize, Manner, Manner),
    Down(usize),
    Up(usize),
    /// An agent says once more what it said before.
    Late(usize),
    Progress(usize),
    /// Everything that is under way arrives.
    Quiet,
    Work,
    /// Both cores take steps at the same time.
    Race,
    /// What follows reaches this core.
    Turn(usize),
    /// The core dies, and another goes on.
    Fall,
    /// A core that is away comes back.
    Rise(usize),
    Pass(i64),
    /// The core dies, is away for so long, and may die again while it starts.
    Restart(i64, Option<u32>),
    /// It dies at the failpoint after so many.
    Die(u32),
}
use Happening::*;

/// What is outside of the core: how it is configured, and what Clouddriver has.
#[derive(Debug, Clone)]
struct Outside {
    settings: Settings,
    /// Clouddriver's accounts, with the edit that each is of. Those of the beginning are served.
    accounts: BTreeMap<&'static str, u32>,
    edits: u32,
    /// The last write had its effect at Clouddriver.
    taken: bool,
}

impl ReferenceStateMachine for Outside {
    type State = Outside;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Outside> {
        let served = prop::bool::weighted(0.7);
        (any::<[bool; 3]>(), served)
            .prop_map(|([activate, scans, replicas], served)| Outside {
                settings: Settings {
                    activate,
                    scans,
                    replicas,
                },
                accounts: match served {
                    true => BTreeMap::from([("a", 0), ("scan-1", 0)]),
                    false => BTreeMap::new(),
                },
                edits: 0,
                taken: false,
            })
            .boxed()
    }

    fn transitions(state: &Outside) -> BoxedStrategy<Happening> {
        let agent = || 0..AGENTS.len();
        let name = || prop::sample::select(&NAMES[..]);
        let names = || prop::collection::vec(name(), 1..3);
        let zone = prop_oneof![3 => Just(None), 1 => Just(Some("A")), 1 => Just(Some("B"))];
        let manner = || {
            prop_oneof![
                3 => Just(Manner::Obeys),
                1 => Just(Manner::Fails),
                1 => Just(Manner::IsSilent),
            ]
        };
        let write = prop_oneof![Just(Write::Post), Just(Write::Put), Just(Write::Delete)];
        let fate = prop_oneof![
            5 => Just(Fate::Answered),
            1 => Just(Fate::Refused),
            1 => any::<bool>().prop_map(Fate::Unheard),
        ];
        let host = prop::sample::select(&["https://kube", "https://other"][..]);
        let own = prop::option::weighted(0.4, (name(), host));
        let request = prop_oneof![
            2 => names().prop_map(Post),
            2 => name().prop_map(Bring),
            2 => name().prop_map(Revise),
            6 => (names(), prop::bool::weighted(0.6), zone)
                .prop_map(|(names, active, zone)| Patch { names, active, zone }),
            1 => names().prop_map(Delete),
            1 => name().prop_map(DeleteOne),
            1 => names().prop_map(RollBack),
        ];
        let request = request.boxed();
        let asked = prop_oneof![
            12 => request.clone(),
            3 => request.prop_map(|request| Keyed(Box::new(request))),
            1 => Just(Repeat),
            6 => (write, name(), fate).prop_map(|(write, name, fate)| Write(write, name, fate)),
            1 => name().prop_map(Edit),
            1 => name().prop_map(Remove),
            1 => prop::bool::weighted(0.7).prop_map(Source),
            1 => name().prop_map(Look),
        ];
        let agents = prop_oneof![
            4 => agent().prop_map(Connect),
            2 => agent().prop_map(Cut),
            1 => agent().prop_map(Notice),
            1 => agent().prop_map(Kill),
            1 => agent().prop_map(Disconnect),
            1 => (agent(), own).prop_map(|(at, own)| Claim(at, own)),
            2 => (agent(), manner(), manner()).prop_map(|(at, s, d)| Manners(at, s, d)),
            4 => agent().prop_map(Down),
            4 => agent().prop_map(Up),
            1 => agent().prop_map(Late),
            4 => agent().prop_map(Progress),
        ];
        let time = prop_oneof![
            3 => Just(Quiet),
            4 => Just(Work),
            2 => Just(Scan),
            2 => Just(Settle),
            1 => Just(Rekey),
            1 => Just(Rotate),
            3 => prop_oneof![1..10i64, 50..70i64, 300..700i64].prop_map(Pass),
            1 => (prop_oneof![Just(1), 1..30i64, 500..700i64], prop::option::of(1..8u32))
                .prop_map(|(seconds, again)| Restart(seconds, again)),
            2 => (1..20u32).prop_map(Die),
        ];
        let core = || 0..2usize;
        let replicas = prop_oneof![
            4 => core().prop_map(Turn),
            2 => Just(Race),
            1 => Just(Fall),
            2 => core().prop_map(Rise),
        ];
        match state.settings.replicas {
            true => prop_oneof![4 => asked, 5 => agents, 4 => time, 3 => replicas].boxed(),
            false => prop_oneof![4 => asked, 5 => agents, 4 => time].boxed(),
        }
    }

    fn apply(mut state: Outside, happening: &Happening) -> Outside {
        state.edits += 1;
        state.taken = false;
        let edit = state.edits;
        match happening {
            Write(write, name, fate) => {
                let there = state.accounts.contains_key(name);
                let goes = matches!(fate, Fate::Answered | Fate::Unheard(true));
                let fits = match write {
                    Write::Post => !there,
                    Write::Put => true,
                    Write::Delete => there,
                };
                state.taken = goes && fits;
                match write {
                    _ if !state.taken => {}
                    Write::Delete => drop(state.accounts.remove(name)),
                    _ => drop(state.accounts.insert(name, edit)),
                }
            }
            Edit(name) => drop(state.accounts.insert(name, edit)),
            Remove(name) => drop(state.accounts.remove(name)),
            _ => {}
        }
        state
    }
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Life;
    type Reference = Outside;

    fn init_test(outside: &Outside) -> Life {
        Life::begin(outside.clone())
    }

    fn apply(mut life: Life, outside: &Outside, happening: Happening) -> Life {
        life.happens(happening, outside);
        life
    }

    fn teardown(mut life: Life, _: Outside) {
        life.ends_well();
    }
}

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        // What the environment says goes before.
        cases: match std::env::var_os("PROPTEST_CASES") {
            Some(_) => usual.cases,
            None => CASES,
        },
        max_shrink_time: 60_000,
        // What a failure teaches becomes a scene of its own.
        failure_persistence: None,
        ..usual
    }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn every_life_on_a_real_core_keeps_its_promises(sequential 1..80 => Machine);
}
