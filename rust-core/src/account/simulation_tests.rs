//! Random lives of one account, with everything that can go wrong on the way, and what holds in
//! each of them after every event.

use super::model::Account;
use super::state::{HoldingState, Status, Wanted};
use super::transition::Event;
use super::world::{LIMITS, Manner, SimAgent, World};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy)]
enum Happening {
    Post,
    Activate {
        zone: Option<&'static str>,
        retargets: bool,
    },
    Deactivate,
    Put,
    Delete,
    /// An intercepted write; with `interceptor.activate` or not.
    Write(Wanted),
    /// The definitions can be had from now on, or no longer.
    Source(bool),
    Connect(usize),
    Cut(usize),
    Notice(usize),
    Kill(usize),
    /// An agent's own configuration brings the name from now on, or no longer.
    Claim(usize, bool),
    Manners(usize, Manner, Manner),
    Down(usize),
    Up(usize),
    Progress(usize),
    /// Everything that is under way arrives.
    Quiet,
    Work,
    Pass(i64),
    RestartCore(i64),
    DieAtNextStep,
}
use Happening::*;

fn happening() -> impl Strategy<Value = Happening> {
    let agent = 0..4usize;
    let manner = prop_oneof![
        3 => Just(Manner::Obeys),
        1 => Just(Manner::Fails),
        1 => Just(Manner::IsSilent),
    ];
    let zone = prop_oneof![4 => Just(None), 1 => Just(Some("A")), 1 => Just(Some("B"))];
    prop_oneof![
        1 => Just(Post),
        3 => (zone, prop::bool::weighted(0.1))
            .prop_map(|(zone, retargets)| Activate { zone, retargets }),
        2 => Just(Deactivate),
        1 => Just(Put),
        1 => Just(Delete),
        1 => prop_oneof![Just(Wanted::Inactive), Just(Wanted::Active)].prop_map(Write),
        1 => prop::bool::weighted(0.7).prop_map(Source),
        4 => agent.clone().prop_map(Connect),
        2 => agent.clone().prop_map(Cut),
        1 => agent.clone().prop_map(Notice),
        1 => agent.clone().prop_map(Kill),
        1 => (agent.clone(), prop::bool::weighted(0.3)).prop_map(|(at, own)| Claim(at, own)),
        2 => (agent.clone(), manner.clone(), manner).prop_map(|(at, s, d)| Manners(at, s, d)),
        5 => agent.clone().prop_map(Down),
        5 => agent.clone().prop_map(Up),
        5 => agent.prop_map(Progress),
        3 => Just(Quiet),
        6 => Just(Work),
        4 => prop_oneof![1..10i64, 50..70i64, 300..700i64].prop_map(Pass),
        1 => prop_oneof![Just(0), 0..30i64, 500..700i64].prop_map(RestartCore),
        1 => Just(DieAtNextStep),
    ]
}

/// The world, and what was asked for last.
struct Life {
    world: World,
    wanted: Option<Wanted>,
    /// What the row is to go on to that follows the one that is being deleted.
    next: Option<Wanted>,
}

impl Life {
    fn new() -> Life {
        Life {
            world: World::new(),
            wanted: Some(Wanted::Inactive),
            next: None,
        }
    }

    fn ask(&mut self, event: Event, zone: Option<&'static str>, retargets: bool, wanted: Wanted) {
        if self.world.ask(event, zone, retargets) {
            self.wanted = self.world.row.is_some().then_some(wanted);
        }
    }

    fn happens(&mut self, happening: Happening) {
        let world = &mut self.world;
        match happening {
            Post => {
                if world.row.is_none() {
                    world.row = Some(Account::adopted("a", None, world.now));
                    self.wanted = Some(Wanted::Inactive);
                }
            }
            Activate { zone, retargets } => {
                self.ask(Event::Activate, zone, retargets, Wanted::Active);
            }
            Deactivate => self.ask(Event::Deactivate, None, false, Wanted::Inactive),
            Delete => {
                self.ask(Event::Delete, None, false, Wanted::Deleted);
                self.next = None;
            }
            Write(wanted) => {
                if world.succeed(wanted) {
                    self.next = Some(wanted);
                }
            }
            Source(there) => world.unpreparable = !there,
            Put => {
                world.ask(Event::Update, None, false);
            }
            Connect(at) => world.connect(at),
            Cut(at) => world.cut(at),
            Notice(at) => world.notice(at),
            Kill(at) => world.kill(at),
            Claim(at, own) => {
                // It reads its configuration when it starts.
                world.kill(at);
                world.agents[at].own = own;
                world.connect(at);
            }
            Manners(at, on_save, on_delete) => {
                world.agents[at].on_save = on_save;
                world.agents[at].on_delete = on_delete;
            }
            Down(at) => {
                world.deliver_down(at);
            }
            Up(at) => {
                world.deliver_up(at);
            }
            Progress(at) => world.progress(at),
            Quiet => self.quiet(),
            Work => world.work(),
            Pass(seconds) => world.pass(seconds),
            RestartCore(seconds) => world.restart_core(seconds),
            DieAtNextStep => world.dies = true,
        }
    }

    fn quiet(&mut self) {
        let world = &mut self.world;
        for _ in 0..100 {
            let mut moved = world.queued;
            world.work();
            for at in 0..world.agents.len() {
                moved |= world.deliver_down(at);
                world.progress(at);
                moved |= world.deliver_up(at);
            }
            if !moved {
                return;
            }
        }
        panic!("it never gets quiet: {:#?}", world);
    }

    fn check(&mut self) {
        let world = &self.world;
        let Some(row) = &world.row else {
            assert!(world.holdings.is_empty());
            let expected = self.wanted.is_none_or(|wanted| wanted == Wanted::Deleted);
            assert!(expected, "a row is gone that was to be {:?}", self.wanted);
            assert_eq!(self.next, None, "what was accepted is lost");
            self.wanted = None;
            return;
        };
        if self.wanted == Some(Wanted::Deleted) && !row.status.is_deleting() {
            let begun = self.next.take();
            assert!(begun.is_some(), "a deleted row is there again: {row:#?}");
            self.wanted = begun;
        }
        assert_eq!(row.next, self.next, "{row:#?}");
        // What is wanted changes by requests, and by a claim to INACTIVE.
        if self.wanted != Some(row.wanted) {
            assert_eq!(row.wanted, Wanted::Inactive, "{row:#?}");
            assert_eq!(self.wanted, Some(Wanted::Active), "{row:#?}");
            self.wanted = Some(Wanted::Inactive);
        }
        assert!(row.status.fits(row.wanted), "{row:#?}");
        // Whoever runs the account is known to.
        for agent in &world.agents {
            let known = world.holdings.iter().any(|held| held.agent_id == agent.id);
            assert!(known || agent.runs.is_none(), "{agent:#?} {row:#?}");
        }
        let serving = (world.agents.iter())
            .filter(|agent| (agent.runs).is_some_and(|(_, state)| state != HoldingState::Failed));
        let zones: BTreeSet<&str> = serving.map(|agent| agent.zone).collect();
        assert!(
            zones.len() <= 1,
            "served in {zones:?}: {row:#?} {:#?}",
            world.holdings
        );
        let saved = world
            .holdings
            .iter()
            .filter(|held| !matches!(held.state, HoldingState::Dropping | HoldingState::Refused));
        let zones: BTreeSet<&str> = saved.map(|held| held.zone_id.as_str()).collect();
        let serves = matches!(row.status, Status::Activating | Status::Active);
        assert!(
            !serves || zones.len() <= 1,
            "{row:#?} {:#?}",
            world.holdings
        );
        if row.status.is_transient() {
            let due = row.due_at.unwrap();
            assert!(world.queued || due > world.now, "{row:#?} at {}", world.now);
        }
    }

    /// Every agent is there and behaves, and time passes.
    fn calm(&mut self) {
        self.world.dies = false;
        self.world.unpreparable = false;
        for at in 0..self.world.agents.len() {
            let agent = &mut self.world.agents[at];
            (agent.on_save, agent.on_delete) = (Manner::Obeys, Manner::Obeys);
            if agent.own {
                self.happens(Claim(at, false));
            } else {
                self.world.connect(at);
            }
        }
        for seconds in [0, 1, 5, 5, 10, 60, 5, 60, 5, 60, 5, 600] {
            self.quiet();
            self.world.pass(seconds);
            self.check();
        }
        self.quiet();
    }

    /// Everything is as it was asked for.
    fn is_done(&self) -> bool {
        let Some(row) = &self.world.row else {
            return true;
        };
        match row.wanted {
            Wanted::Active => {
                let zone = row.zone_id.as_deref();
                let ready = |at: &SimAgent| at.runs == Some((row.generation, HoldingState::Ready));
                let agents = &self.world.agents;
                row.status == Status::Active
                    && agents.iter().any(ready)
                    && row
                        .requested_zone
                        .as_deref()
                        .is_none_or(|asked| Some(asked) == zone)
                    && agents.iter().all(|agent| match Some(agent.zone) == zone {
                        true => ready(agent),
                        false => agent.runs.is_none(),
                    })
            }
            Wanted::Inactive => {
                row.status == Status::Inactive
                    && self.world.holdings.is_empty()
                    && self.world.agents.iter().all(|agent| agent.runs.is_none())
            }
            Wanted::Deleted => false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        max_shrink_time: 20_000,
        // What a failure teaches becomes a scene of its own.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_life_keeps_its_promises_and_ends_as_wanted(
        happenings in prop::collection::vec(happening(), 1..80)
    ) {
        let mut life = Life::new();
        for happening in happenings {
            life.happens(happening);
            life.check();
        }
        life.calm();
        if !life.is_done() {
            // What gave up waits for a person, who asks again.
            let row = life.world.row.as_ref().unwrap();
            let gave_up = match row.status {
                Status::Failed => row.failed_count >= LIMITS.max_retries,
                Status::DeleteFailed => true,
                _ => false,
            };
            prop_assert!(gave_up, "{:#?}", life.world);
            match row.wanted {
                Wanted::Active => life.happens(Activate { zone: None, retargets: false }),
                Wanted::Inactive => life.happens(Deactivate),
                Wanted::Deleted => life.happens(Delete),
            }
            life.calm();
        }
        prop_assert!(life.is_done(), "{:#?}", life.world);
    }
}
