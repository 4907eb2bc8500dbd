//! The story: what happens, why, the line that does it, and what came of it.

use crate::Choice;
use crate::curl::Curl;
use crate::parts::{Good, Parts, ZONE};
use crate::screen::{Colour, Screen};
use crate::table;
use ferry_tests::{Door, wait};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for anything that is to come about, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The step that was not as told.
pub struct Failure {
    step: String,
    cause: String,
    logs: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}This was not as told: {}: {}",
            self.logs, self.step, self.cause
        )
    }
}

/// One telling.
struct Story<'a> {
    screen: Screen,
    folder: &'a Path,
    parts: Parts,
    steps: u32,
    title: String,
}

/// Starts the parts and tells everything; the parts run on as long as they are kept.
pub fn tell(folder: &Path, choice: Choice) -> Result<Parts, Failure> {
    let begin = Instant::now();
    let screen = Screen::new();
    screen.blank();
    screen.heading("Ferry: an account's way from Clouddriver to an agent, on real parts");
    screen.dim("starting …");
    let parts = Parts::start(folder, choice.plugin).map_err(|cause| Failure {
        step: "starting the parts".to_owned(),
        cause,
        logs: String::new(),
    })?;
    let mut story = Story {
        screen,
        folder,
        parts,
        steps: 0,
        title: String::new(),
    };
    story.introduce(begin.elapsed());
    if let Err(cause) = story.walk().and_then(|()| story.weigh(begin)) {
        return Err(Failure {
            step: format!("step {}, {}", story.steps, story.title),
            cause,
            logs: story.logs(),
        });
    }
    if !choice.once {
        story.go_on();
    }
    Ok(story.parts)
}

impl Story<'_> {
    fn introduce(&self, took: Duration) {
        let parts = &self.parts;
        match &parts.good {
            Good::Ours(cluster) => self.pair("cluster \"good\"", &cluster.server, ""),
            Good::Theirs { path, .. } => self.pair(
                "cluster \"good\"",
                "yours, by KUBECONFIG",
                &path.display().to_string(),
            ),
        }
        self.pair("cluster \"dead\"", &parts.dead.server, "stopped again");
        match &parts.door {
            Door::Sidecar(sidecar, clouddriver) => {
                let note = "its account parts, in a JVM";
                self.pair("Clouddriver", &clouddriver.url, note);
                self.pair("ferry-sidecar", &sidecar.url, "in front of it");
            }
            Door::Plugin(plugin) => {
                let note = "its account parts and Ferry's plugin, in a JVM, on MariaDB";
                self.pair("Clouddriver", &plugin.url, note);
            }
        }
        self.pair(
            "ferry-agent",
            &parts.agent.url,
            &format!("in {ZONE}, dials Ferry"),
        );
        let up = format!(
            "up in {}; every line that follows is run as it stands",
            seconds(took)
        );
        self.screen.dim(&up);
        self.screen.blank();
    }

    fn walk(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        self.step(
            "A new account",
            "A person adds an account to Clouddriver as ever. Clouddriver stores it; Ferry takes it \
             too, as INACTIVE, and nobody connects yet.",
        );
        self.post("good")?;
        self.reach(begin, "good", "INACTIVE", &[])?;

        let begin = self.step(
            "Switched on",
            "One request, and Ferry hands the account to an agent, which tries the cluster. \
             Only when that works is it ACTIVE.",
        );
        self.patch(&["good"], "ACTIVE")?;
        self.reach(begin, "good", "ACTIVE", &["kubeHost", "kubeVersion"])?;

        let begin = self.step(
            "An account whose cluster is dead",
            "Clouddriver takes it without a look at the cluster, and so does Ferry.",
        );
        self.post("dead")?;
        self.reach(begin, "dead", "INACTIVE", &[])?;

        let begin = self.step(
            "Switched on, and refused with the cause",
            "The agent cannot reach this cluster. The account is FAILED and says why; \
             the other one is not touched. Ferry tries again by itself, a few times.",
        );
        self.patch(&["dead"], "ACTIVE")?;
        self.reach(begin, "dead", "FAILED", &["errorMessage"])?;

        let begin = self.step(
            "Both switched off",
            "The agent forgets both accounts, and nothing is tried again. Clouddriver's own \
             records stay as they are.",
        );
        self.patch(&["good", "dead"], "INACTIVE")?;
        self.watch(begin, "good", "INACTIVE", &[])?;
        self.reach(begin, "dead", "INACTIVE", &[])
    }

    /// Memory of both programs, and the time of it all.
    fn weigh(&mut self, begin: Instant) -> Result<(), String> {
        self.step(
            "What it costs",
            "Resident memory, idle. These programs are built without optimization.",
        );
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        let (name, note) = match self.parts.door {
            Door::Sidecar(..) => ("ferry-sidecar", ""),
            Door::Plugin(_) => ("Clouddriver", "its JVM as a whole, with Ferry in it"),
        };
        let ferry = mib(self.parts.door.process().rss_kib());
        let agent = mib(self.parts.agent.process().rss_kib());
        self.pair(name, &ferry, note);
        self.pair("ferry-agent", &agent, "");
        self.screen.blank();
        let took = seconds(begin.elapsed());
        let told = format!("All as told, in {took} with the start of every part.");
        self.screen.say(&self.screen.coloured(Colour::Green, &told));
        self.screen.blank();
        Ok(())
    }

    fn go_on(&self) {
        let Parts { door, agent, .. } = &self.parts;
        self.screen
            .heading("It stays up until Ctrl-C. Go on, in another terminal");
        self.screen
            .command(&patch(&door.url, &["good"], "ACTIVE").line);
        let (state, log) = match door {
            Door::Sidecar(sidecar, _) => (format!("{}/metrics", sidecar.admin), "sidecar.log"),
            Door::Plugin(plugin) => (format!("{}/health", plugin.url), "clouddriver.log"),
        };
        for url in [
            format!("{}/armory/accounts", door.url),
            format!("{}/armory/agents", door.url),
            format!("{}/accounts", agent.url),
            state,
        ] {
            self.screen.command(&format!("curl -s {url}"));
        }
        let ferry = door.folder().join(log);
        let agent = agent.folder().join("agent.log");
        let logs = format!("tail -f {} {}", ferry.display(), agent.display());
        self.screen.command(&logs);
        self.screen.blank();
    }

    fn step(&mut self, title: &str, why: &str) -> Instant {
        self.steps += 1;
        title.clone_into(&mut self.title);
        self.screen.heading(&format!("{}  {title}", self.steps));
        self.screen.say(why);
        self.screen.blank();
        Instant::now()
    }

    /// POST /credentials of an account, from a file.
    fn post(&self, name: &str) -> Result<(), String> {
        let file = self.parts.body(self.folder, name)?;
        let url = format!("{}/credentials", self.parts.door.url);
        self.run(
            &Curl::send("POST", &url, &format!("@{}", file.display())),
            200,
        )
    }

    fn patch(&self, names: &[&str], state: &str) -> Result<(), String> {
        self.run(&patch(&self.parts.door.url, names, state), 202)
    }

    /// Shows the line, runs it, shows the answer.
    fn run(&self, curl: &Curl, status: u16) -> Result<(), String> {
        self.screen.command(&curl.line);
        let answer = curl.run()?;
        let colour = match answer.status == status {
            true => Colour::Green,
            false => Colour::Red,
        };
        let shown = self.screen.coloured(colour, &answer.status.to_string());
        self.screen.line(&format!("{shown} {}", answer.shown()));
        self.screen.blank();
        match answer.status == status {
            true => Ok(()),
            false => Err(format!("the answer is {}, not {status}", answer.status)),
        }
    }

    /// [`Self::watch`], then all accounts.
    fn reach(&self, begin: Instant, name: &str, status: &str, with: &[&str]) -> Result<(), String> {
        self.watch(begin, name, status, with)?;
        self.screen.blank();
        table::show(&self.screen, &self.parts.door)
    }

    /// Waits until the account has this status, and these fields; shows what it went through.
    fn watch(&self, begin: Instant, name: &str, status: &str, with: &[&str]) -> Result<(), String> {
        let mut seen: Vec<String> = Vec::new();
        wait::until(PATIENCE, || {
            let account = table::account(&self.parts.door, name)?;
            let text = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
            let now = text("status");
            if seen.last() != Some(&now) {
                seen.push(now.clone());
            }
            let because = format!("{name} is {now}, not {status}: {}", text("errorMessage"));
            match with.iter().find(|key| text(key).is_empty()) {
                // It is tried again after a minute, and the cause says enough.
                _ if now == "FAILED" && status != "FAILED" => Ok(Err(because)),
                _ if now != status => Err(because),
                Some(key) => Err(format!("{name} is {now} without {key}")),
                None => Ok(Ok(())),
            }
        })??;
        let took = seconds(begin.elapsed());
        self.screen
            .dim(&format!("{name}: {} after {took}", seen.join(" → ")));
        Ok(())
    }

    fn pair(&self, name: &str, value: &str, note: &str) {
        let note = self.screen.coloured(Colour::Dim, note);
        let line = format!("{name:16}  {value:24}  {note}");
        self.screen.line(line.trim_end());
    }

    /// The last words of Ferry and the agent, for a failure.
    fn logs(&mut self) -> String {
        let ferry = self.parts.door.process().log();
        let agent = self.parts.agent.process().log();
        let last = |log: &str| {
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(8)..].join("\n")
        };
        format!(
            "Ferry's last words:\n{}\n\nferry-agent's:\n{}\n\n",
            last(&ferry),
            last(&agent)
        )
    }
}

fn patch(ferry: &str, names: &[&str], state: &str) -> Curl {
    let entries: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"name":"{name}","state":"{state}"}}"#))
        .collect();
    let data = format!("[{}]", entries.join(",\n          "));
    Curl::send("PATCH", &format!("{ferry}/armory/accounts"), &data)
}

fn seconds(time: Duration) -> String {
    match time.as_millis() {
        short @ 0..1000 => format!("{short} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
