//! Who may use the core's API, `/armory/**` and `/agents/**`: whoever has the token; without a
//! configured token, whoever asks from this host or pod.
//!
//! Read by `config`, asked by `own` before a body is read. Never says more of a token than that it is
//! missing or wrong, and never lets a guess learn from how long the answer takes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tracing::warn;

/// What the core's API asks of those who use it.
#[derive(Debug, Clone)]
pub enum Access {
    /// That they are on this host or in this pod.
    Loopback,
    /// `sidecar.api.token`.
    Token(SecretString),
    /// `sidecar.api.tokenFile`, which is read anew for every request: the token may be renewed.
    TokenFile(PathBuf),
}

impl Access {
    /// Whether `peer` may go on; else why not, and what to do. Only the address of the connection
    /// counts: what a header says of the client anybody can write.
    pub(crate) async fn check(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), &'static str> {
        let token = match self {
            Access::Loopback if peer.to_canonical().is_loopback() => return Ok(()),
            Access::Loopback => {
                return Err(
                    "/armory/** and /agents/** are served on loopback only: ask from this host or \
                     pod, or set sidecar.api.token (or sidecar.api.tokenFile) and send it",
                );
            }
            Access::Token(token) => token.clone(),
            Access::TokenFile(file) => read(file).await.map_err(|reason| {
                warn!("sidecar.api.tokenFile: {reason}");
                "sidecar.api.tokenFile cannot be read any more: the sidecar's log says why"
            })?,
        };
        match bearer(headers) {
            None => Err(
                "/armory/** and /agents/** need the header Authorization: Bearer TOKEN, with the \
                 token of sidecar.api.token",
            ),
            Some(given) if same(given, token.expose_secret().as_bytes()) => Ok(()),
            Some(_) => Err("the bearer token is not that of sidecar.api.token"),
        }
    }
}

/// The token that a file holds.
async fn read(file: &Path) -> Result<SecretString, String> {
    of_file(file, tokio::fs::read_to_string(file).await)
}

/// The same of a file that was read.
pub(crate) fn of_file(file: &Path, read: io::Result<String>) -> Result<SecretString, String> {
    let text = read
        .map(SecretString::from)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    token(text.expose_secret()).map_err(str::to_owned)
}

/// A token as it can stand in a header.
pub(crate) fn token(text: &str) -> Result<SecretString, &'static str> {
    let token = text.trim_ascii();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token is one line of visible ASCII characters, without spaces");
    }
    Ok(SecretString::from(token))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// Digests are of one length: the time tells nothing of the token's either.
fn same(given: &[u8], token: &[u8]) -> bool {
    let (given, token) = (digest(&SHA256, given), digest(&SHA256, token));
    verify_slices_are_equal(given.as_ref(), token.as_ref()).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    async fn check(access: &Access, peer: &str, header: Option<&str>) -> Result<(), &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        headers.insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
        access.check(peer.parse().unwrap(), &headers).await
    }

    #[tokio::test]
    async fn without_a_token_only_loopback_is_let_in() {
        let access = Access::Loopback;
        for peer in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(check(&access, peer, None).await, Ok(()), "{peer}");
        }
        for peer in ["10.0.0.1", "::ffff:10.0.0.1", "0.0.0.0", "fe80::1"] {
            let refused = check(&access, peer, Some("Bearer secret"))
                .await
                .unwrap_err();
            assert!(refused.contains("sidecar.api.token"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_of_everybody() {
        let access = Access::Token(token("secret").unwrap());
        for peer in ["10.0.0.1", "127.0.0.1"] {
            assert_eq!(check(&access, peer, Some("Bearer secret")).await, Ok(()));
            assert_eq!(check(&access, peer, Some("bearer secret ")).await, Ok(()));
            for wrong in [
                None,
                Some("Bearer"),
                Some("Bearer "),
                Some("Bearer secre"),
                Some("Bearer secrett"),
                Some("Bearer Secret"),
                Some("Basic secret"),
                Some("secret"),
            ] {
                let refused = check(&access, peer, wrong).await.unwrap_err();
                assert!(refused.contains("sidecar.api.token"), "{wrong:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let access = Access::TokenFile(file.clone());
        let is = async |token: &str| {
            let header = format!("Bearer {token}");
            check(&access, "10.0.0.1", Some(&header)).await
        };
        std::fs::write(&file, "first\n").unwrap();
        assert_eq!(is("first").await, Ok(()));
        std::fs::write(&file, "second").unwrap();
        assert_eq!(is("second").await, Ok(()));
        assert!(is("first").await.is_err());
        std::fs::write(&file, "").unwrap();
        assert!(is("").await.unwrap_err().contains("tokenFile"));
        std::fs::remove_file(&file).unwrap();
        assert!(is("second").await.unwrap_err().contains("tokenFile"));
    }
}
