//! A database as Armory's plugin leaves it: its tables, populated, and the record of its changesets
//! in one of the forms that its releases keep.

use crate::database::{Kind, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where the changesets are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changelog {
    /// The plugin's, with files on the class path.
    Classpath,
    /// The plugin's, with bare files.
    Bare,
    /// That of the plugin built into Clouddriver.
    BuiltIn,
}

impl Changelog {
    /// All forms.
    pub const ALL: [Changelog; 3] = [Changelog::Classpath, Changelog::Bare, Changelog::BuiltIn];

    fn table(self) -> &'static str {
        match self {
            Changelog::Classpath | Changelog::Bare => "DATABASECHANGELOG",
            Changelog::BuiltIn => "KUBESVC_AGENT_CHANGELOG",
        }
    }

    /// What it says, by changeset.
    pub fn read(self, schema: &Schema) -> Vec<String> {
        schema.query(&format!(
            "SELECT id, author, filename, orderexecuted FROM {} ORDER BY orderexecuted",
            self.table()
        ))
    }

    fn sql(self) -> String {
        let table = self.table();
        let prefix = match self {
            Changelog::Classpath => "classpath:",
            Changelog::Bare | Changelog::BuiltIn => "",
        };
        let create = format!(
            "CREATE TABLE {table} (id VARCHAR(255) NOT NULL, author VARCHAR(255) NOT NULL,
             filename VARCHAR(255) NOT NULL, orderexecuted INT NOT NULL);\n"
        );
        let files = [
            "20200122-initial-schema-optimized",
            "20220622-add-dynamic-acc-indicator",
            "20230320-alter-kubesvc_accounts-add-connections-column",
        ];
        let rows = (1..).zip(files).map(|(order, file)| {
            format!(
                "INSERT INTO {table} VALUES ('{file}', 'armory', \
                 '{prefix}db/changelog/{file}.yml', {order});\n"
            )
        });
        create + &rows.collect::<String>()
    }
}

/// Makes them in an empty schema, each account with this kubeconfig.
pub fn populate(schema: &Schema, changelog: Changelog, kubeconfig: &str) {
    let tables = match schema.kind() {
        Kind::MariaDb => include_str!("../fixtures/armory/mysql.sql"),
        Kind::Postgres => include_str!("../fixtures/armory/postgres.sql"),
    };
    let rows = include_str!("../fixtures/armory/rows.sql");
    let rows = rows.replace("KUBECONFIG", &STANDARD.encode(kubeconfig));
    schema.query(&format!("{tables}{rows}{}", changelog.sql()));
}
