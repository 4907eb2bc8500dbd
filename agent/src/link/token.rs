//! `clouddriver.auth`: the token that the core wants to see, as configured or from a program.
//!
//! The program belongs to the operator. What it prints is never logged, and it is run only when a
//! session begins and the token at hand is missing, too old, or was refused.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use tonic::metadata::{Ascii, MetadataValue};

use super::fault::Fault;

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `clouddriver.auth.*`
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// No token is sent.
    #[default]
    None,
    /// `token`
    Token(SecretString),
    /// `tokenFile`, read whenever a session begins.
    File(PathBuf),
    /// `tokenCommand`
    Command(TokenCommand),
}

/// `clouddriver.auth.tokenCommand.*`
#[derive(Debug, Clone)]
pub struct TokenCommand {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// It prints the token itself; otherwise a JSON object that has it as `token`.
    pub raw: bool,
    /// How old a token may be when a session begins; none: as old as the core takes it.
    pub refresh: Option<Duration>,
}

/// The token at hand.
pub(super) struct Tokens {
    auth: Auth,
    kept: Mutex<Option<(SecretString, Instant)>>,
}

impl Tokens {
    pub(super) fn new(auth: Auth) -> Self {
        let kept = Mutex::new(None);
        Self { auth, kept }
    }

    pub(super) fn forget(&self) {
        *self.kept() = None;
    }

    pub(super) async fn current(&self) -> Result<Option<SecretString>, String> {
        let command = match &self.auth {
            Auth::None => return Ok(None),
            Auth::Token(token) => return Ok(Some(token.clone())),
            Auth::File(path) => return of_file(path).await.map(Some),
            Auth::Command(command) => command,
        };
        if let Some((token, since)) = &*self.kept()
            && command
                .refresh
                .is_none_or(|refresh| since.elapsed() < refresh)
        {
            return Ok(Some(token.clone()));
        }
        let token = command.run().await?;
        *self.kept() = Some((token.clone(), Instant::now()));
        Ok(Some(token))
    }

    fn kept(&self) -> MutexGuard<'_, Option<(SecretString, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenCommand {
    async fn run(&self) -> Result<SecretString, String> {
        let name = format!("the program {} of tokenCommand", self.command);
        let running = Command::new(&self.command)
            .args(&self.args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(PATIENCE, running)
            .await
            .map_err(|_| format!("{name} did not end within {} s", PATIENCE.as_secs()))?
            .map_err(|error| format!("{name} does not start: {}", error.kind()))?;
        if !output.status.success() {
            return Err(format!("{name} ended with {}", output.status));
        }
        let wrong = match self.raw {
            true => "printed no token",
            false => {
                "printed no JSON object with a text `token`; for the bare token set format: raw"
            }
        };
        let text = SecretString::from(String::from_utf8_lossy(&output.stdout).into_owned());
        token_of(text.expose_secret(), self.raw).ok_or_else(|| format!("{name} {wrong}"))
    }
}

async fn of_file(path: &Path) -> Result<SecretString, String> {
    let name = format!(
        "{}, the file of clouddriver.auth.tokenFile,",
        path.display()
    );
    let text = tokio::fs::read_to_string(path)
        .await
        .map(SecretString::from);
    let text = text.map_err(|error| format!("{name} cannot be read: {}", error.kind()))?;
    token_of(text.expose_secret(), true).ok_or_else(|| format!("{name} is empty"))
}

fn token_of(text: &str, raw: bool) -> Option<SecretString> {
    let token = match raw {
        true => text.trim().to_owned(),
        false => match serde_json::from_str::<Value>(text).ok()?.get("token")? {
            Value::String(token) => token.clone(),
            _ => return None,
        },
    };
    (!token.is_empty()).then(|| token.into())
}

/// The token as it is sent.
pub(super) fn bearer(token: &SecretString) -> Result<MetadataValue<Ascii>, Fault> {
    let wrong = |_| Fault::Token("the token holds characters that no header may hold".into());
    let text = SecretString::from(format!("Bearer {}", token.expose_secret()));
    let mut value: MetadataValue<Ascii> = text.expose_secret().parse().map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn command(script: &str, raw: bool) -> TokenCommand {
        TokenCommand {
            command: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            raw,
            refresh: None,
        }
    }

    #[tokio::test]
    async fn a_program_prints_the_token_bare_or_in_json() {
        for (script, raw) in [("echo abc", true), (r#"echo '{"token": "abc"}'"#, false)] {
            let token = command(script, raw).run().await.unwrap();
            assert_eq!(token.expose_secret(), "abc");
        }
        for (script, raw, words) in [
            ("exit 3", true, "ended with exit status: 3"),
            ("echo", true, "printed no token"),
            ("echo s3cr3t", false, "set format: raw"),
            (r#"echo '{"token": 1}'"#, false, "set format: raw"),
        ] {
            let error = command(script, raw).run().await.unwrap_err();
            assert!(
                error.contains(words) && !error.contains("s3cr3t"),
                "{error}"
            );
        }
        let mut missing = command("", true);
        missing.command = "/no/such/program".into();
        assert!(missing.run().await.unwrap_err().contains("does not start"));
    }

    #[tokio::test]
    async fn a_file_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let tokens = Tokens::new(Auth::File(path.clone()));
        let error = tokens.current().await.unwrap_err();
        assert!(error.contains("tokenFile, cannot be read"), "{error}");
        for token in ["s3cr3t", "r3newed"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            let read = tokens.current().await.unwrap().unwrap();
            assert_eq!(read.expose_secret(), token);
        }
        std::fs::write(&path, "\n").unwrap();
        let error = tokens.current().await.unwrap_err();
        assert!(error.ends_with("is empty"), "{error}");
    }

    #[tokio::test]
    async fn it_runs_when_the_token_is_missing_old_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let counter = folder.path().join("runs");
        let script = format!("echo x >> {0}; wc -l < {0}", counter.display());
        let mut program = command(&script, true);
        let tokens = Tokens::new(Auth::Command(program.clone()));
        let current = async |tokens: &Tokens| {
            let token = tokens.current().await.unwrap().unwrap();
            token.expose_secret().to_owned()
        };
        assert_eq!(current(&tokens).await, "1");
        assert_eq!(current(&tokens).await, "1");
        tokens.forget();
        assert_eq!(current(&tokens).await, "2");
        program.refresh = Some(Duration::ZERO);
        let tokens = Tokens::new(Auth::Command(program));
        assert_eq!(current(&tokens).await, "3");
        assert_eq!(current(&tokens).await, "4");
    }
}
