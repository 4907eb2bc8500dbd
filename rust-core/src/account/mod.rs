//! The lifecycle of an account, pure: what a row knows, which transitions there are, and what the
//! next step of an account is. Nothing here waits, opens or logs; `lifecycle` carries the steps
//! out and `store` keeps them.

pub mod armory;
pub mod bound;
pub mod definition;
#[cfg(test)]
mod diagram;
pub mod model;
pub mod plan;
mod rule;
pub mod scan;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod simulation_tests;
pub mod state;
pub mod step;
pub mod transition;
#[cfg(test)]
mod world;

pub use model::{Account, Agent, Cluster, Holding, Limits, View};
pub use state::{HoldingState, Status};
