//! A connection that was upgraded to another protocol: bytes, both ways, until one side ends.
//!
//! Started by `forward` once Clouddriver answered 101. Looks at nothing.

use crate::proxy::Proxy;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tracing::debug;

/// Joins the two connections as soon as both are free of HTTP.
pub(crate) fn start(proxy: &Proxy, client: OnUpgrade, upstream: OnUpgrade) {
    proxy.tasks.spawn(async move {
        let (client, upstream) = match tokio::try_join!(client, upstream) {
            Ok(both) => both,
            Err(error) => return debug!(%error, "an upgrade came to nothing"),
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut upstream).await {
            debug!(%error, "an upgraded connection broke");
        }
    });
}
