//! The token of a file, a kubeconfig's `tokenFile` or that of a pod's service account.
//!
//! `connect` sends it with every request. As in kubectl, blanks around it, such as the line end that
//! most files have, do not count. It is never shown.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::HeaderValue;
use kube::client::AuthError;

/// How long a token is sent before its file is looked at again.
const FRESH: Duration = Duration::from_secs(60);

/// A file with a token, and the last good one that it had.
pub(super) struct TokenFile {
    path: PathBuf,
    /// The header, and when it was read.
    kept: Mutex<(HeaderValue, Instant)>,
}

impl TokenFile {
    /// Reads it for the first time.
    pub(super) fn new(path: &str) -> Result<Self, AuthError> {
        let path = PathBuf::from(path);
        let header = read(&path)?;
        Ok(Self {
            path,
            kept: Mutex::new((header, Instant::now())),
        })
    }

    /// The header `Authorization`.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.authorization_at(Instant::now())
    }

    fn authorization_at(&self, now: Instant) -> HeaderValue {
        let mut kept = self
            .kept
            .lock()
            .expect("nothing panics while it holds the token");
        let (header, read_at) = &mut *kept;
        if now.duration_since(*read_at) >= FRESH {
            *read_at = now;
            // One that is being replaced, or was taken away once it had been read, goes on serving.
            if let Ok(renewed) = read(&self.path) {
                *header = renewed;
            }
        }
        header.clone()
    }
}

fn read(path: &Path) -> Result<HeaderValue, AuthError> {
    let unreadable = |error| AuthError::ReadTokenFile(error, path.to_owned());
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(unreadable(io::Error::from(ErrorKind::UnexpectedEof)));
    }
    let mut header =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(AuthError::InvalidBearerToken)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_has_no_line_end_and_is_read_anew_after_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("first\n");
        let token = TokenFile::new(path.to_str().unwrap()).unwrap();
        let header = token.authorization();
        assert_eq!(header, "Bearer first");
        assert!(!format!("{header:?}").contains("first"));

        write(" second\r\n");
        let began = token.kept.lock().unwrap().1;
        let after = |minutes: u32| token.authorization_at(began + minutes * FRESH);
        assert_eq!(after(0), "Bearer first");
        assert_eq!(after(1), "Bearer second");
        // What is no token, now or ever, does not take the place of one.
        for (minutes, text) in (2..).zip(["", "\n", "a\nb"]) {
            write(text);
            assert_eq!(after(minutes), "Bearer second", "{text:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(after(5), "Bearer second");
        write("third");
        assert_eq!(after(6), "Bearer third");
    }
}
