//! The verbs that people ask for, by request or through Clouddriver. Each is one compare-and-swap,
//! repeated when somebody else was faster; what follows from it is `reconcile`'s.

use super::Lifecycle;
use crate::account::definition::Definition;
use crate::account::step::Step;
use crate::account::transition::Event;
use crate::account::{Account, Status, View};
use crate::secret::SecretError;
use crate::store::{Actor, Content, StoreError};

/// What a request asks for beside the event itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `zoneId`; `None` keeps what was asked for before.
    pub zone_id: Option<String>,
    /// `kubeconfigFile`, a path at the agent; `None` keeps what was asked for before.
    pub kubeconfig_file: Option<String>,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no row of that name.
    #[error("there is no migrated account of this name")]
    Unknown,
    /// The lifecycle has no such transition.
    #[error("{reason}")]
    Illegal {
        /// Where the account stands.
        status: Status,
        /// A sentence that says what to do.
        reason: String,
    },
    /// It is an agent's own account.
    #[error("it is brought by an agent's own configuration, and changed only there")]
    Static,
    /// Clouddriver has it, and nobody migrated it.
    #[error("it is not migrated; POST it to /armory/accounts first")]
    Unmigrated,
    /// The definition cannot be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Lifecycle {
    /// Makes a new account INACTIVE; `false`: there is a row of that name already.
    pub async fn adopt(
        &self,
        name: &str,
        definition: &Definition,
        asked: Asked,
        actor: &Actor,
    ) -> Result<bool, Refusal> {
        let content = self.close(name, definition)?;
        let Asked {
            zone_id,
            kubeconfig_file,
        } = asked;
        let made = self
            .store
            .create(name, zone_id, kubeconfig_file, &content, actor)
            .await?;
        if made {
            tracing::info!(account = name, to = "INACTIVE", event = ?Event::Adopt, "transition");
            self.metrics.transition("none", Status::Inactive.as_str());
            self.queue.add([name.to_owned()]);
        }
        Ok(made)
    }

    /// PATCH to ACTIVE.
    pub async fn activate(&self, name: &str, asked: &Asked, actor: &Actor) -> Result<(), Refusal> {
        let differs = |old: &Option<String>, new: &Option<String>| new.is_some() && new != old;
        let retargets = |account: &Account| {
            differs(&account.requested_zone, &asked.zone_id)
                || differs(&account.kubeconfig_file, &asked.kubeconfig_file)
        };
        let keep = |account: &mut Account| {
            account.requested_zone = asked.zone_id.clone().or(account.requested_zone.take());
            account.kubeconfig_file = asked
                .kubeconfig_file
                .clone()
                .or(account.kubeconfig_file.take());
        };
        self.ask(name, Event::Activate, retargets, keep, None, actor)
            .await
    }

    /// PATCH to INACTIVE.
    pub async fn deactivate(&self, name: &str, actor: &Actor) -> Result<(), Refusal> {
        self.ask(name, Event::Deactivate, |_| false, |_| {}, None, actor)
            .await
    }

    /// DELETE.
    pub async fn delete(&self, name: &str, actor: &Actor) -> Result<(), Refusal> {
        self.ask(name, Event::Delete, |_| false, |_| {}, None, actor)
            .await
    }

    /// A new definition; one that is the same changes nothing.
    pub async fn update(
        &self,
        name: &str,
        definition: &Definition,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        let kept = self.store.content(name).await?.ok_or(Refusal::Unknown)?;
        if self.is_kept(name, &kept, definition) {
            return Ok(());
        }
        let content = self.close(name, definition)?;
        self.ask(
            name,
            Event::Update,
            |_| false,
            |_| {},
            Some(&content),
            actor,
        )
        .await
    }

    async fn ask(
        &self,
        name: &str,
        event: Event,
        retargets: impl Fn(&Account) -> bool,
        edit: impl Fn(&mut Account),
        content: Option<&Content>,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        loop {
            let view = self.store.view(name).await?.ok_or(Refusal::Unknown)?;
            let retargets = retargets(&view.account);
            let mut step = Step::of(&view, event, false, retargets, &self.limits)
                .map_err(|_| refusal(&view, event))?;
            if let Some(account) = &mut step.account {
                edit(account);
            }
            let stays = content.is_none() && !step.changes(&view);
            if stays || self.store.write(&view, &step, &[], content, actor).await? {
                if !stays {
                    self.moved(&view, &step);
                }
                self.queue.add([name.to_owned()]);
                return Ok(());
            }
        }
    }
}

fn refusal(view: &View, event: Event) -> Refusal {
    let status = view.account.status;
    let reason = match (event, status) {
        (Event::Activate, _) if view.claimed => crate::account::plan::CLAIMED.to_owned(),
        (_, Status::Deleting | Status::DeleteFailed) => format!(
            "the account is being deleted ({status}); wait until it is gone, or DELETE it again, \
             then POST it anew"
        ),
        _ => format!("an account that is {status} cannot be asked for this"),
    };
    Refusal::Illegal { status, reason }
}
