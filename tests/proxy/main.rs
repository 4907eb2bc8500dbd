//! The sidecar as a proxy, on real sockets: whether anything but what a proxy must change is
//! changed, and what happens when either side misbehaves. Bytes are compared on bare sockets.

#![allow(clippy::unwrap_used)]

mod access;
mod comparison;
mod credentials;
mod failures;
mod framing;
mod ground;
mod life;
mod own;
mod streaming;
mod transparency;
mod upgrade;
mod upstream;
mod wire;
