//! What every database must hold to. [`Base`] alone knows which one it is.

use super::*;
use crate::account::step::Step;
use crate::account::{Account, Cluster, Holding, HoldingState, Limits, Status, View};
use ferry_tests::database::{Database, Kind, Schema, User};
use secrecy::SecretString;
use std::time::Duration;

// The suite is compiled anew for each database, so that a test's name says where it fails.

#[path = "tests"]
#[allow(clippy::duplicate_mod)]
mod sqlite {
    use super::*;

    const DATABASE: On = On::File;

    mod agents;
    mod answers;
    mod batches;
    mod cores;
    mod journal;
    mod keys;
    mod listing;
    mod namespaces;
    mod operations;
    mod parts;
    mod purge;
    mod references;
    mod reports;
    mod rows;
    mod scanned;
    mod statics;
    mod sweep;
    mod untaken;
    mod written;
}

#[path = "tests"]
#[allow(clippy::duplicate_mod)]
mod mariadb {
    use super::*;

    const DATABASE: On = On::Server(Kind::MariaDb);

    mod agents;
    mod answers;
    mod batches;
    mod clashes;
    mod cores;
    mod halves;
    mod journal;
    mod keys;
    mod listing;
    mod namespaces;
    mod operations;
    mod parts;
    mod purge;
    mod references;
    mod reports;
    mod rows;
    mod scanned;
    mod silence;
    mod statics;
    mod sweep;
    mod untaken;
    mod written;
}

#[path = "tests"]
#[allow(clippy::duplicate_mod)]
mod postgres {
    use super::*;

    const DATABASE: On = On::Server(Kind::Postgres);

    mod agents;
    mod answers;
    mod batches;
    mod clashes;
    mod cores;
    mod journal;
    mod keys;
    mod listing;
    mod namespaces;
    mod operations;
    mod parts;
    mod purge;
    mod references;
    mod reports;
    mod rows;
    mod scanned;
    mod silence;
    mod statics;
    mod sweep;
    mod untaken;
    mod written;
}

/// Which database.
#[derive(Clone, Copy)]
enum On {
    File,
    Server(Kind),
}

/// A database of its own for a test. Its tables are made by one user, and used by another.
struct Base {
    folder: tempfile::TempDir,
    schema: Option<Schema>,
    location: Location,
    store: Store,
}

/// Where `schema` is, for its two users.
fn location(schema: &Schema) -> Location {
    let url = |user| SecretString::from(schema.url(user));
    Location::parse(&url(User::Service), Some(&url(User::Migrate))).unwrap()
}

impl Store {
    /// Writes one step at the core that has these agents by these sessions; `false`: somebody else
    /// was faster.
    pub(crate) async fn write(
        &self,
        view: &View,
        step: &Step,
        here: &[(&str, &str)],
        content: Option<&Content>,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let change = Change {
            view: view.clone(),
            step: step.clone(),
            content,
        };
        let here = here.iter();
        let here = here.map(|(agent, session)| ((*agent).to_owned(), (*session).to_owned()));
        Ok(self.write_all(&[change], &here.collect(), actor).await?[0])
    }
}

impl Base {
    async fn open(on: On) -> Base {
        let folder = tempfile::tempdir().unwrap();
        let (schema, location) = match on {
            On::File => (None, Location::Sqlite(folder.path().join("ferry.db"))),
            On::Server(kind) => {
                let schema = Database::shared(kind).schema();
                (Some(schema.clone()), location(&schema))
            }
        };
        let store = Store::open(&location).await.unwrap();
        Base {
            folder,
            schema,
            location,
            store,
        }
    }

    /// Closed and opened anew, as by a core that starts.
    async fn reopen(self) -> Base {
        self.store.close().await;
        let store = Store::open(&self.location).await.unwrap();
        Base { store, ..self }
    }

    /// Runs this SQL beside the store.
    async fn run(&self, text: &str) {
        let mut tx = self.store.pool.write().await.unwrap();
        crate::sql::sql(text).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// These text columns of what follows, row by row, joined by `|`; a NULL is empty.
    async fn select(&self, columns: &[&str], from: &str) -> Vec<String> {
        let mut tx = self.store.pool.read().await.unwrap();
        let select = crate::sql::sql(format!("SELECT {} {from}", columns.join(", ")));
        let rows = select.all(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut lines = Vec::new();
        for row in rows {
            let text = |column: &&str| row.get::<Option<String>>(column).unwrap();
            let texts = columns
                .iter()
                .map(|column| text(column).unwrap_or_default());
            lines.push(texts.collect::<Vec<_>>().join("|"));
        }
        lines
    }

    /// The events of the audit, sorted: two of one millisecond have no order.
    async fn events(&self, account: &str) -> Vec<String> {
        let from = format!("FROM kubesvc_ferry_audit WHERE account = '{account}' ORDER BY event");
        self.select(&["event"], &from).await
    }

    /// Every byte that the database keeps; of a server, every value.
    async fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let Some(schema) = &self.schema else {
            for file in std::fs::read_dir(self.folder.path()).unwrap() {
                let file = file.unwrap();
                if file.file_name().to_string_lossy().starts_with("ferry.db") {
                    all.extend(std::fs::read(file.path()).unwrap());
                }
            }
            return all;
        };
        // A server's catalogue has every schema's tables.
        let here = match self.location {
            Location::Postgres { .. } => "current_schema()",
            _ => "DATABASE()",
        };
        let tables = format!(
            "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = {here} AND table_name LIKE 'kubesvc%'"
        );
        for table in schema.query(&tables) {
            // Bytes that are text are shown as such.
            let text = match self.location {
                Location::Postgres { .. } => "SET bytea_output = 'escape';",
                _ => "",
            };
            let rows = schema.query(&format!("{text}SELECT * FROM {table}"));
            all.extend(rows.join("\n").into_bytes());
        }
        all
    }

    async fn write(&self, view: &View, step: &Step) -> bool {
        let actor = Actor::ferry();
        self.store
            .write(view, step, &[], None, &actor)
            .await
            .unwrap()
    }

    /// Clouddriver's table, with these accounts: type and name.
    async fn clouddriver(&self, accounts: &[(&str, &str)]) -> crate::source::Source {
        let json = match self.location {
            Location::Sqlite(_) => "TEXT",
            _ => "JSON",
        };
        let mut text = format!(
            "CREATE TABLE accounts (id VARCHAR(255) NOT NULL PRIMARY KEY, type VARCHAR(50), \
             body {json} NOT NULL);"
        );
        for (of_type, name) in accounts {
            text.push_str(&format!(
                "INSERT INTO accounts VALUES ('{name}', '{of_type}', '{{\"by\": \"{name}\"}}');"
            ));
        }
        match (&self.schema, &self.location) {
            (Some(schema), Location::Postgres { .. }) => {
                schema.query(&format!(
                    "{text} GRANT SELECT ON accounts TO {}",
                    User::Service.name()
                ));
            }
            (Some(schema), _) => {
                schema.query(&text);
            }
            (None, _) => {
                for statement in text.split_terminator(';') {
                    self.run(statement).await;
                }
            }
        }
        let table = crate::source::Source::table(&self.store.pool).await;
        table.unwrap().expect("the table is there")
    }

    /// An INACTIVE row.
    async fn row(&self, name: &str) -> View {
        self.rows(&[name]).await;
        self.view(name).await
    }

    /// INACTIVE rows.
    async fn rows(&self, names: &[&str]) {
        let rows: Vec<NewRow> = names.iter().map(|name| new(name)).collect();
        let made = self.store.create(&rows, &Actor::ferry()).await.unwrap();
        assert_eq!(made.len(), names.len());
    }

    async fn view(&self, name: &str) -> View {
        self.store.view(name).await.unwrap().unwrap()
    }

    /// Writes the row as `change` makes it, without an event.
    async fn change(&self, name: &str, change: impl FnOnce(&mut Account)) {
        let view = self.view(name).await;
        let mut step = Step::same(&view);
        change(step.account.as_mut().unwrap());
        assert!(self.write(&view, &step).await);
    }

    /// Gives the account to these agents of zone Z in this state.
    async fn hold(&self, name: &str, agents: &[&str], state: HoldingState) {
        let view = self.view(name).await;
        let mut step = Step::same(&view);
        for agent_id in agents {
            step.holdings.retain(|held| held.agent_id != *agent_id);
            step.holdings.push(Holding {
                agent_id: (*agent_id).to_owned(),
                zone_id: "Z".to_owned(),
                generation: view.account.generation,
                state,
                cause: None,
                cluster: Cluster::default(),
            });
        }
        assert!(self.write(&view, &step).await);
    }

    /// What has changed by one report.
    async fn report(&self, agent: &str, session: &str, held: &Held) -> Gone {
        let gone = self.store.report(&[report(agent, session, held)]).await;
        gone.unwrap().remove(0)
    }

    /// Agent and state of every holding of `name`.
    async fn holders(&self, name: &str) -> Vec<(String, HoldingState)> {
        let holdings = self.view(name).await.holdings;
        holdings
            .into_iter()
            .map(|held| (held.agent_id, held.state))
            .collect()
    }
}

/// A row that is to be made.
fn new(name: &str) -> NewRow {
    NewRow {
        name: name.to_owned(),
        requested_zone: None,
        kubeconfig_file: None,
        content: content("{}"),
        activate: None,
    }
}

fn content(definition: &str) -> Content {
    Content {
        definition: definition.to_owned(),
        secret: None,
        inline: false,
    }
}

/// What an agent says of one account.
fn said(account: &str, generation: i64, state: Option<HoldingState>) -> Held {
    Held {
        account: account.to_owned(),
        generation,
        state,
        cause: None,
        cluster: Cluster::default(),
        namespaces: None,
    }
}

fn report(agent_id: &str, session_id: &str, held: &Held) -> Report {
    Report {
        agent_id: agent_id.to_owned(),
        session_id: session_id.to_owned(),
        held: held.clone(),
    }
}

/// `agent` of zone Z connects with all it holds.
fn registration(agent_id: &str, session_id: &str, held: Vec<Held>) -> Registration {
    Registration {
        agent_id: agent_id.to_owned(),
        zone_id: "Z".to_owned(),
        agent_version: "1".to_owned(),
        takes_dynamic: true,
        core_id: "core".to_owned(),
        session_id: session_id.to_owned(),
        static_accounts: Vec::new(),
        held,
    }
}

const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
