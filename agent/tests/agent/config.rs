//! armory-agent.yml: what it means, and what is said when it means nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ferry_agent::config::{Config, ConfigError, Environment, Files, LogFormat};
use ferry_agent::kubeconfig::Source;
use ferry_agent::link::Auth;
use secrecy::ExposeSecret;
use tracing::level_filters::LevelFilter;

fn parse(yaml: &str) -> Result<Config, ConfigError> {
    let environment = Environment {
        hostname: "agent-7d9c5b4f8d-x2x9z".into(),
        namespace: Some("spin".into()),
        cluster: Some("10.0.0.1".into()),
    };
    Config::parse(yaml, "armory-agent.yml", &environment)
}

#[test]
fn it_may_start_with_no_file_at_all() {
    for empty in [
        "",
        "# nothing\n",
        "clouddriver:\nkubernetes:\n  accounts:\n",
    ] {
        let config = parse(empty).unwrap();
        assert_eq!(config.core.grpc, "spin-clouddriver-grpc:9091");
        assert!(config.core.tls.is_none());
        assert_eq!(config.core.backoff.base, Duration::from_secs(1));
        assert_eq!(config.core.backoff.max, Duration::from_secs(120));
        assert_eq!(
            (config.core.backoff.multiplier, config.core.backoff.jitter),
            (1.6, 0.2)
        );
        assert_eq!(config.core.keep_alive, Some(Duration::from_secs(20)));
        assert_eq!(config.identity.agent_id, "agent-7d9c5b4f8d-x2x9z");
        assert_eq!(config.identity.zone_id, "agent_spin");
        assert_eq!(
            config.kubeconfig_folders,
            [PathBuf::from("/kubeconfigfiles")]
        );
        assert_eq!(
            (config.server.host.as_str(), config.server.port),
            ("localhost", 8082)
        );
        assert_eq!(
            (config.logging.format, config.logging.level),
            (LogFormat::Text, LevelFilter::INFO)
        );
        assert!(config.accounts.is_empty() && config.unused.is_empty());
    }
    let nowhere = tempfile::tempdir().unwrap();
    let config = Config::load(&Files::usual(nowhere.path()), &Environment::here()).unwrap();
    assert!(!config.identity.agent_id.is_empty());
}

#[test]
fn documented_keys_are_read_or_named_as_unused() {
    let config = parse(
        "clouddriver:
  grpc: ferry.example:443
  insecure: false
  keepAliveHeartbeatSeconds: 0
  keepAliveTimeOutSeconds: 5
  backoff: {baseDelay: 1e9, multiplier: 2, jitter: 0, maxDelay: 2000000000}
  responseRetries: {maxRetries: 7}
zoneId: z
dynamicAccountsEnabled: false
kubernetes:
  kubeconfigFolders: [/a, /b/c]
  retries: {enabled: false}
  accounts:
  - {name: one, kubeconfigFile: /k/one, context: c, kinds: [Pod], namespaces: [n], metrics: true}
  - {name: two, kubeConfigFile: /k/two, omitKinds: [Pod], onlyNamespacedResources: true}
  - {name: three, serviceAccount: true}
server: {host: 0.0.0.0, port: 9}
logging: {format: json, level: WARNING, fields: {agentCluster: ''}}
prometheus: {enabled: true}
",
    )
    .unwrap();
    assert_eq!(
        (config.core.grpc.as_str(), config.core.tls.is_some()),
        ("ferry.example:443", true)
    );
    assert_eq!(config.core.keep_alive, None);
    assert_eq!(config.core.keep_alive_timeout, Duration::from_secs(5));
    assert_eq!(config.core.backoff.max, Duration::from_secs(2));
    assert_eq!(config.identity.zone_id, "z");
    assert_eq!(config.kubeconfig_folders.len(), 2);
    assert_eq!(config.logging.level, LevelFilter::WARN);
    let [one, two, three] = &config.accounts[..] else {
        panic!("three accounts")
    };
    assert!(matches!(&one.source, Source::NamedByOperator(path) if path == Path::new("/k/one")));
    assert!(matches!(&two.source, Source::NamedByOperator(path) if path == Path::new("/k/two")));
    assert!(matches!(&three.source, Source::ServiceAccount));
    assert_eq!(one.definition.context.as_deref(), Some("c"));
    assert_eq!(one.definition.selection.namespaces, ["n"]);
    assert!(two.definition.selection.only_namespaced);
    assert!(config.clusters.retries.is_none());
    let unused = config.unused.iter();
    let mut unused: Vec<_> = unused
        .map(|text| text.split_once(": ").expect("a reason").0)
        .collect();
    unused.sort();
    assert_eq!(unused, ["kubernetes.accounts[0].metrics"]);
    let retries = config.core.response_retries.unwrap();
    assert_eq!((retries.times, retries.wait), (7, Duration::from_secs(3)));
    let fields = [("agentCluster".to_owned(), "10.0.0.1".to_owned())];
    assert_eq!(config.logging.fields, fields);
    assert_eq!(config.logging.file, None);
    assert!(!config.dynamic_accounts);
}

#[test]
fn the_logs_file_and_its_rotation_are_read() {
    let file = |yaml: &str| parse(yaml).unwrap().logging.file;
    assert_eq!(file("logging: {file: stdout}"), None);
    let usual = file("logging: {file: /l}").unwrap();
    assert_eq!((usual.max_bytes, usual.max_backups), (1 << 20, Some(10)));
    assert_eq!(usual.max_age, Some(Duration::from_secs(10 * 86_400)));
    assert!(usual.local_time && !usual.compress && !usual.also_stdout);
    let file = file(
        "logging: {file: /l, multiWrite: true, maxSizeMb: 2, maxAgeDays: 0, maxBackups: 0, \
         localTime: false, compress: true}",
    )
    .unwrap();
    assert_eq!((file.max_bytes, file.max_backups), (2 << 20, None));
    assert!(file.max_age.is_none() && !file.local_time && file.compress && file.also_stdout);
}

#[test]
fn files_are_found_by_their_names_and_the_local_one_lies_over() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, yaml: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, yaml).unwrap();
    };
    let load = || Config::load(&Files::usual(root.path()), &Environment::default());
    write("opt/spinnaker/config/kubesvc.yaml", "zoneId: legacy");
    assert_eq!(load().unwrap().identity.zone_id, "legacy");
    write(
        "opt/armory/config/armory-agent.yaml",
        "zoneId: new\nserver: {host: '::', port: 1}\npprof: {enabled: true}",
    );
    assert_eq!(load().unwrap().identity.zone_id, "new");
    write(
        "opt/armory/config/armory-agent-local.yml",
        "Server: {PORT: 2}\npprof: {port: 3}",
    );
    let config = load().unwrap();
    assert_eq!((config.server.host.as_str(), config.server.port), ("::", 2));
    assert_eq!(config.unused.len(), 1, "{:?}", config.unused);
    write(
        "opt/armory/config/armory-agent-local.yml",
        "server: {prot: 2}",
    );
    let error = load().unwrap_err().to_string();
    assert!(
        error.contains("unknown key server.prot in") && error.contains("armory-agent-local.yml"),
        "{error}"
    );
}

#[test]
fn tls_settings_without_insecure_mean_tls() {
    let tls = |yaml: &str| parse(yaml).unwrap().core.tls;
    assert!(tls("clouddriver: {tls: {serverName: x}}").is_some());
    assert!(tls("clouddriver: {tls: {serverName: x}, insecure: true}").is_none());
    assert!(tls("clouddriver: {tls: }").is_none());
}

#[test]
fn a_wrong_file_is_told_with_key_value_expectation_and_file() {
    for (yaml, words) in [
        (
            "clouddriver: {grcp: 'a:1'}",
            "unknown key clouddriver.grcp in armory-agent.yml; the nearest known key is clouddriver.grpc",
        ),
        (
            "clouddriver: {grpc: nowhere}",
            "clouddriver.grpc is \"nowhere\" in armory-agent.yml; expected host:port",
        ),
        ("clouddriver: {grpc: 'http://a:1'}", "expected host:port"),
        (
            "clouddriver: {insecure: 'yes'}",
            "clouddriver.insecure is \"yes\"",
        ),
        (
            "clouddriver: {backoff: {jitter: 2}}",
            "clouddriver.backoff.jitter is 2 in armory-agent.yml; expected a number from 0 to 1",
        ),
        (
            "clouddriver: {backoff: {baseDelay: 1s}}",
            "clouddriver.backoff.baseDelay is \"1s\"",
        ),
        (
            "server: {port: 70000}",
            "server.port is 70000 in armory-agent.yml; expected a whole number from 0 to 65535",
        ),
        ("logging: {level: loud}", "logging.level is \"loud\""),
        ("logging: {format: xml}", "expected text or json"),
        (
            "logging: {maxSizeMb: 0}",
            "logging.maxSizeMb is 0 in armory-agent.yml; expected a whole number from 1",
        ),
        ("logging: {fields: {a: [b]}}", "logging.fields.a is a list"),
        ("logging: {fields: a}", "logging.fields is \"a\""),
        (
            "server: {ssl: {enabled: true, keyFile: /k}}",
            "server.ssl.certFile is null in armory-agent.yml; expected the PEM file",
        ),
        (
            "server: {ssl: {enabled: true, keyFile: /k, certFile: /c, clientAuth: need}}",
            "server.ssl.caCertFile is null",
        ),
        (
            "server: {ssl: {clientAuth: maybe}}",
            "expected none, want or need",
        ),
        ("zoneId: [a]", "zoneId is a list"),
        (
            "kubernetes: {kubeconfigFolders: [a]}",
            "expected absolute paths",
        ),
        (
            "kubernetes: {accounts: {}}",
            "kubernetes.accounts is an object",
        ),
        (
            "kubernetes: {accounts: [{kubeconfigFile: /a}]}",
            "kubernetes.accounts[0].name is null",
        ),
        (
            "kubernetes: {accounts: [{name: a}]}",
            "account a of kubernetes.accounts in armory-agent.yml: kubeconfigFile or serviceAccount: true is missing",
        ),
        (
            "kubernetes: {accounts: [{name: a, kubeconfigFile: /a, serviceAccount: true}]}",
            "account a of",
        ),
        (
            "kubernetes: {accounts: [{name: a, kubeconfigFile: /a, kubeConfigFile: /b}]}",
            "differ; keep one",
        ),
        (
            "kubernetes: {accounts: [{name: a, kubeconfigFile: /a}, {name: a, kubeconfigFile: /b}]}",
            "the name is there twice",
        ),
        (
            "kubernetes: {accounts: [{name: a, kubeconfigFile: /a, kinds: Pod}]}",
            "kinds must be a list of texts",
        ),
        (
            "kubernetes: {accounts: [{name: a, kubeconfig: /a}]}",
            "unknown key kubernetes.accounts[0].kubeconfig in armory-agent.yml; the nearest known key is kubernetes.accounts[].kubeconfigFile",
        ),
        ("a: [", "is not valid YAML (line 1"),
        ("just text", "is not valid YAML"),
    ] {
        let error = parse(yaml).unwrap_err().to_string();
        assert!(error.contains(words), "{yaml}: {error}");
    }
}

/// What a section of such a value was ignored for: a token would go out in the clear, or none at all.
#[test]
fn a_value_in_the_place_of_a_section_stops_the_start() {
    for (yaml, key, below) in [
        (
            "clouddriver: {grpc: 'core:9091', tls: hunter2, auth: {token: t}}",
            "clouddriver.tls",
            "clouddriver.tls.serverName",
        ),
        (
            "clouddriver: {auth: hunter2}",
            "clouddriver.auth",
            "clouddriver.auth.token",
        ),
        ("server: {ssl: true}", "server.ssl", "server.ssl.enabled"),
        ("prometheus: true", "prometheus", "prometheus.enabled"),
        (
            "kubernetes: {accounts: [hunter2]}",
            "kubernetes.accounts[0]",
            "kubernetes.accounts[].name",
        ),
        (
            "secrets: {vault: [hunter2]}",
            "secrets.vault",
            "secrets.vault.enabled",
        ),
    ] {
        let error = parse(yaml).unwrap_err().to_string();
        let expected = format!(
            "{key} has a value of its own in armory-agent.yml; expected keys below it, such as {below}"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn what_may_be_a_secret_is_not_quoted() {
    let pasted = r#""-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n""#;
    let files = [
        "clouddriver.auth.tokenFile",
        "clouddriver.tls.clientCertFile",
        "clouddriver.tls.clientKeyFile",
        "clouddriver.tls.cacertFile",
        "server.ssl.certFile",
        "server.ssl.keyFile",
        "server.ssl.caCertFile",
        "secrets.kubernetes.kubeconfigFile",
        "secrets.vault.caFile",
        "logging.file",
    ];
    let mut wrong: Vec<(String, String)> = Vec::new();
    for key in files {
        let nested = key.replace('.', ": {");
        let end = "}".repeat(key.matches('.').count());
        let more = match key.starts_with("secrets.vault") {
            true => ", enabled: true, token: t, url: 'https://v:1'",
            false => "",
        };
        let expected = format!(
            "{key} is [redacted] in armory-agent.yml; expected the path of a file, not what is in it"
        );
        for content in [pasted, "'-----BEGIN X----- hunter2'", r#""a\nhunter2""#] {
            wrong.push((format!("{nested}: {content}{more}{end}"), expected.clone()));
        }
    }
    let account =
        |file: &str| format!("kubernetes: {{accounts: [{{name: a, kubeconfigFile: {file}}}]}}");
    let content = "kubeconfigFile must be the path of a kubeconfig, not the kubeconfig itself";
    let open = "kubeconfigFile is written for the secret engine `noop`";
    for (file, words) in [
        (r#""apiVersion: v1\nusers: [hunter2]""#, content),
        (r#"'{"token": "hunter2"}'"#, content),
        ("'encrypted:noop!v:hunter2'", open),
        ("'encryptedFile:noop!v:hunter2'", open),
        ("' encryptedFile:NOOP!v:hunter2'", open),
    ] {
        wrong.push((account(file), words.into()));
    }
    for (yaml, words) in [
        (
            "clouddriver: {grpc: 'https://u:hunter2@core:9091'}",
            "clouddriver.grpc is [redacted] in armory-agent.yml; expected host:port",
        ),
        (
            "secrets: {vault: {enabled: true, url: 'ftp://u:hunter2@vault'}}",
            "secrets.vault.url is [redacted]",
        ),
        (
            "clouddriver: {auth: {tokenCommand: {command: a, args: '--password=hunter2'}}}",
            "clouddriver.auth.tokenCommand.args is [redacted]",
        ),
        (
            "clouddriver: {auth: {tokenCommand: {command: a, args: [[hunter2]]}}}",
            "clouddriver.auth.tokenCommand.args is [redacted]",
        ),
        (
            "clouddriver: {auth: {tokenCommand: {command: [a, hunter2]}}}",
            "clouddriver.auth.tokenCommand.command is [redacted]",
        ),
        (
            "clouddriver: {auth: {token: [hunter2]}}",
            "clouddriver.auth.token is [redacted]",
        ),
        ("zoneId: {password: hunter2}", "zoneId is an object"),
    ] {
        wrong.push((yaml.into(), words.into()));
    }
    for (yaml, words) in wrong {
        let error = parse(&yaml).unwrap_err().to_string();
        assert!(error.contains(&words), "{yaml}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_password_of_the_servers_key_has_two_names() {
    for (more, password) in [
        ("keyFilePassword: one", Some("one")),
        ("keyPassword: two", Some("two")),
        ("keyFilePassword: one, keyPassword: two", Some("one")),
        ("clientAuth: none", None),
    ] {
        let ssl = format!("server: {{ssl: {{enabled: true, certFile: /c, keyFile: /k, {more}}}}}");
        let server = parse(&ssl).unwrap().server.tls.unwrap();
        let read = server.key_password.as_ref();
        assert_eq!(read.map(ExposeSecret::expose_secret), password, "{more}");
    }
}

#[test]
fn the_program_that_prints_the_token_is_read_with_its_keys() {
    let program = |more: &str| {
        let yaml = format!("clouddriver: {{auth: {{tokenCommand: {{command: /bin/x{more}}}}}}}");
        match parse(&yaml).unwrap().core.auth {
            Auth::Command(program) => program,
            other => panic!("{other:?}"),
        }
    };
    let usual = program("");
    assert_eq!((usual.raw, usual.refresh), (false, None));
    assert!(usual.command == "/bin/x" && usual.args.is_empty());
    let set = program(", args: [-a, 1], format: raw, refreshIntervalSeconds: 90");
    assert_eq!(
        (set.raw, set.refresh),
        (true, Some(Duration::from_secs(90)))
    );
    assert_eq!(set.args, ["-a", "1"]);
    assert!(!program(", format: []").raw && program(", format: [raw]").raw);
    assert_eq!(program(", refreshIntervalSeconds: 0").refresh, None);
}

#[test]
fn an_account_that_no_message_takes_is_refused_with_its_size() {
    let yaml = |roles: usize| {
        let roles = "r".repeat(roles);
        format!(
            "kubernetes: {{accounts: [{{name: a, kubeconfigFile: /a, permissions: {{READ: [{roles}]}}}}]}}"
        )
    };
    assert_eq!(parse(&yaml(4_000_000)).unwrap().accounts.len(), 1);
    let error = parse(&yaml(4_200_000)).unwrap_err().to_string();
    assert!(
        error.contains("account a of kubernetes.accounts")
            && error.contains("the core takes at most 4177920"),
        "{error}"
    );
}

#[test]
fn the_program_tells_a_wrong_start_in_one_line_and_knows_itself() {
    let program = || Command::new(env!("CARGO_BIN_EXE_ferry-agent"));
    let missing = program()
        .args(["--config", "/no/such/file"])
        .output()
        .unwrap();
    assert!(!missing.status.success());
    let error = String::from_utf8(missing.stderr).unwrap();
    assert!(
        error.starts_with("ferry-agent: the configuration /no/such/file cannot be read"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("armory-agent.yml");
    let folder = root.path().display();
    std::fs::write(&file, format!("logging: {{file: {folder}}}")).unwrap();
    let unwritable = program().arg("--config").arg(&file).output().unwrap();
    let error = String::from_utf8(unwritable.stderr).unwrap();
    let expected = format!("ferry-agent: logging.file: {folder} cannot be written");
    assert!(error.starts_with(&expected), "{error}");
    let version = String::from_utf8(program().arg("--version").output().unwrap().stdout).unwrap();
    assert_eq!(
        version.trim(),
        concat!("ferry-agent ", env!("CARGO_PKG_VERSION"))
    );
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    assert!(help.contains("--config <FILE>"), "{help}");
}

#[test]
fn what_a_vault_lacks_is_said() {
    let on = |more: &str| {
        let vault = format!("secrets: {{vault: {{enabled: true, url: 'https://v:8200', {more}}}}}");
        parse(&vault)
    };
    let engines = on("authMethod: kubernetes, role: ferry, caFile: /ca.pem")
        .unwrap()
        .engines;
    let vault = engines.vault.unwrap();
    assert_eq!(vault.authority.as_deref(), Some(Path::new("/ca.pem")));
    assert!(on("token: t0ken").is_ok());
    for (more, key) in [
        ("authMethod: KUBERNETES", "secrets.vault.role"),
        ("authMethod: LDAP", "secrets.vault.authMethod"),
    ] {
        let error = on(more).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    let nowhere = parse("secrets: {vault: {enabled: true, token: t0ken}}").unwrap_err();
    let nowhere = nowhere.to_string();
    assert!(nowhere.contains("secrets.vault.url"), "{nowhere}");
    let login = "secrets: {vault: {enabled: true, token: t0ken, url: 'https://u:hunter2@v:1/'}}";
    let vault = parse(login).unwrap().engines.vault.unwrap();
    assert_eq!(vault.url, "https://v:1", "its address is shown in messages");
    let plaintext = parse(&login.replace("https:", "http:")).unwrap_err();
    let plaintext = plaintext.to_string();
    assert!(plaintext.contains("secrets.vault.url"), "{plaintext}");
    assert!(!plaintext.contains("hunter2"), "{plaintext}");
    let plain = "secrets: {vault: {enabled: true, token: t0ken, url: 'http://vault:8200'}}";
    let plain = parse(plain).unwrap_err().to_string();
    assert!(
        plain.contains("secrets.vault.url is \"http://vault:8200\"")
            && plain.contains("http:// reaches this host alone"),
        "{plain}"
    );
    let here = "secrets: {vault: {enabled: true, token: t0ken, url: 'http://127.0.0.1:1'}}";
    assert!(parse(here).is_ok());
    let off = parse("secrets: {vault: {role: r}}").unwrap();
    assert!(off.engines.vault.is_none());
}
