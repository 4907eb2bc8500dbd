//! Which agents are let in: over what, with which certificate, with which token.
//!
//! Asked once for every session, before anything it says is read. A refusal is a sentence that the
//! agent logs, and so does the hub. A token is compared in constant time and never shown.

use super::listen::Peer;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use regex::Regex;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// What an agent must bring.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// `kubesvc.grpc.allowPlaintext`: agents of other hosts need no TLS.
    pub allow_plaintext: bool,
    /// What the subject of an agent's certificate must match, any of them; `None`: nothing.
    pub subjects: Option<Vec<Regex>>,
    /// The token that every agent sends; `None`: none.
    pub token: Option<Token>,
}

/// Where the agents' token is.
#[derive(Debug, Clone)]
pub enum Token {
    /// This is it.
    Text(SecretString),
    /// In this file, which is read for every session.
    File(PathBuf),
}

/// Why an agent is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "agents of other hosts are taken over TLS alone, for kubeconfigs travel here: configure \
         kubesvc.grpc.server.security at the core, or set kubesvc.grpc.allowPlaintext: true there \
         if the network between is trusted"
    )]
    Plaintext,
    #[error(
        "kubesvc.grpc.auth.x509 wants a client certificate: set clouddriver.tls.clientCertFile and \
         clientKeyFile at the agent"
    )]
    NoCertificate,
    #[error(
        "the subject of the client certificate, {0}, matches none of kubesvc.grpc.auth.x509.filters"
    )]
    Subject(String),
    #[error("the core wants a token: set clouddriver.auth.token or tokenCommand at the agent")]
    NoToken,
    #[error(
        "the token is not that of kubesvc.grpc.auth.token: correct clouddriver.auth at the agent"
    )]
    WrongToken,
    #[error("the core cannot read the file of kubesvc.grpc.auth.tokenFile: {0}")]
    TokenFile(std::io::ErrorKind),
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Status {
        let code = match refusal {
            Refusal::Plaintext => Code::FailedPrecondition,
            Refusal::Subject(_) => Code::PermissionDenied,
            Refusal::NoCertificate | Refusal::NoToken | Refusal::WrongToken => {
                Code::Unauthenticated
            }
            Refusal::TokenFile(_) => Code::Unavailable,
        };
        Status::new(code, refusal.to_string())
    }
}

impl Admission {
    pub(super) async fn check(&self, peer: &Peer, sent: &MetadataMap) -> Result<(), Refusal> {
        let here = peer.address.ip().to_canonical().is_loopback();
        if !peer.encrypted && !here && !self.allow_plaintext {
            return Err(Refusal::Plaintext);
        }
        if let Some(filters) = &self.subjects {
            let subject = peer.subject.as_ref().ok_or(Refusal::NoCertificate)?;
            let matches = |text: &String| filters.iter().any(|filter| filter.is_match(text));
            if !subject.iter().any(matches) {
                let shown = subject.first().map_or("which is empty", String::as_str);
                return Err(Refusal::Subject(shown.chars().take(300).collect()));
            }
        }
        let wanted = match &self.token {
            None => return Ok(()),
            Some(Token::Text(token)) => token.clone(),
            Some(Token::File(file)) => match tokio::fs::read_to_string(file).await {
                Ok(text) => SecretString::from(text.trim()),
                Err(error) => return Err(Refusal::TokenFile(error.kind())),
            },
        };
        let sent = sent.get("authorization").ok_or(Refusal::NoToken)?;
        let sent = sent.as_bytes();
        let sent = sent.strip_prefix(b"Bearer ").ok_or(Refusal::NoToken)?;
        // An empty file is no token that everybody knows.
        if wanted.expose_secret().is_empty() || !same(sent, wanted.expose_secret().as_bytes()) {
            return Err(Refusal::WrongToken);
        }
        Ok(())
    }
}

/// Compares digests, so that the time tells nothing of the length either.
fn same(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (digest(&SHA256, a), digest(&SHA256, b));
    verify_slices_are_equal(a.as_ref(), b.as_ref()).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn peer(address: &str, encrypted: bool, subject: Option<&[&str]>) -> Peer {
        Peer {
            address: format!("{address}:1").parse().unwrap(),
            encrypted,
            subject: subject.map(|texts| texts.iter().map(ToString::to_string).collect()),
        }
    }

    async fn said(admission: &Admission, peer: &Peer, authorization: Option<&str>) -> String {
        let mut sent = MetadataMap::new();
        if let Some(value) = authorization {
            sent.insert("authorization", value.parse().unwrap());
        }
        match admission.check(peer, &sent).await {
            Ok(()) => "in".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[tokio::test]
    async fn plaintext_ends_at_the_loopback() {
        let mut admission = Admission::default();
        for inside in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
            assert_eq!(
                said(&admission, &peer(inside, false, None), None).await,
                "in"
            );
        }
        let outside = peer("192.0.2.1", false, None);
        let refusal = said(&admission, &outside, None).await;
        assert!(refusal.contains("kubesvc.grpc.allowPlaintext"), "{refusal}");
        assert_eq!(
            said(&admission, &peer("192.0.2.1", true, None), None).await,
            "in"
        );
        admission.allow_plaintext = true;
        assert_eq!(said(&admission, &outside, None).await, "in");
    }

    #[tokio::test]
    async fn any_filter_that_matches_any_spelling_lets_in() {
        let filters =
            ["CN=other", "O=Bytes.*"].map(|text| Regex::new(&format!("^{text}$")).unwrap());
        let admission = Admission {
            subjects: Some(filters.to_vec()),
            ..Admission::default()
        };
        let at = |subject| peer("192.0.2.1", true, subject);
        let fitting = at(Some(&["CN=a,O=Bytes", "O=Bytes,CN=a"]));
        assert_eq!(said(&admission, &fitting, None).await, "in");
        let stranger = said(&admission, &at(Some(&["CN=a"])), None).await;
        assert!(stranger.contains("CN=a, matches none of"), "{stranger}");
        let nobody = said(&admission, &at(None), None).await;
        assert!(nobody.contains("wants a client certificate"), "{nobody}");
    }

    #[tokio::test]
    async fn a_token_is_compared_whole_and_its_file_read_anew() {
        let peer = peer("192.0.2.1", true, None);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let admission = |token| Admission {
            token: Some(token),
            ..Admission::default()
        };
        let text = admission(Token::Text("t0ken".into()));
        for (sent, expected) in [
            (None, "the core wants a token"),
            (Some("Basic t0ken"), "the core wants a token"),
            (Some("Bearer t0ke"), "the token is not that"),
            (Some("Bearer t0ken2"), "the token is not that"),
            (Some("Bearer t0ken"), "in"),
        ] {
            let outcome = said(&text, &peer, sent).await;
            assert!(outcome.starts_with(expected), "{sent:?}: {outcome}");
            assert!(!outcome.contains("t0ken"), "{outcome}");
        }
        let filed = admission(Token::File(file.clone()));
        assert!(
            said(&filed, &peer, Some("Bearer a"))
                .await
                .contains("cannot read")
        );
        for token in ["a", "b"] {
            std::fs::write(&file, format!("{token}\n")).unwrap();
            assert_eq!(
                said(&filed, &peer, Some(&format!("Bearer {token}"))).await,
                "in"
            );
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(
            said(&filed, &peer, Some("Bearer "))
                .await
                .starts_with("the token is not")
        );
    }
}
