//! The configuration as its readers see it: texts in, typed values or mistakes out.

use super::*;
use std::io::Write;

mod shapes;
mod stand_ins;

const SEED_STORAGE: &str = "- account:
  - storage:
    - enabled: true 
    - kubernetes: 
      - enabled: true
";

const SEED_SCAN: &str = "kubesvc:
  dynamicAccounts:
    enabled: true
    scan: true
    scanBatchSize: 5
    scanFrequencySeconds: 60
    namePatterns: ['^apple.*','^.*depot.*']
  ";

fn place() -> Place {
    Place {
        database: "ferry.db".into(),
        migration: None,
        clouddriver_url: Some("http://127.0.0.1:7002".into()),
        source_user: None,
    }
}

/// The configuration and the keys without effect, or the mistakes as text.
fn read(text: &str, environment: &[(&str, &str)]) -> Result<(Config, Vec<String>), String> {
    let mut file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let environment = environment.iter();
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    let mut values = Values::read(&[CORE], Some(file.path()), environment);
    let config = Config::read(&mut values, place());
    let shorten = |text: String| text.replace(file.path().to_str().unwrap(), "ferry.yml");
    match values.finish() {
        Ok(unused) => Ok((config, unused.into_iter().map(shorten).collect())),
        Err(errors) => Err(shorten(errors.to_string())),
    }
}

pub(super) fn config(text: &str) -> Config {
    read(text, &[]).unwrap().0
}

pub(super) fn mistakes(text: &str) -> String {
    read(text, &[]).unwrap_err()
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = config("");
    let accounts = &config.dynamic_accounts;
    assert!(accounts.enabled && accounts.intercept && !accounts.activate_intercepted);
    assert_eq!(accounts.max_retries, 3);
    assert_eq!(accounts.retry_frequency, Duration::from_secs(5));
    assert_eq!(accounts.transition_timeout, Duration::from_secs(60));
    assert_eq!(config.account_cleanup, Duration::from_secs(600));
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    assert_eq!(
        (config.audit_kept, config.operations_kept),
        (days(365), days(7))
    );
    assert_eq!(config.heartbeat, Some(Duration::from_secs(60)));
    assert_eq!(config.grpc.listen, "0.0.0.0:9091".parse().unwrap());
    assert_eq!(config.grpc.max_inbound_message_size, 4 << 20);
    assert!(!config.empty_object_for_unknown);
}

#[test]
fn every_default_is_a_value_of_its_kind() {
    for key in CORE.keys.iter().chain(CORE.unused) {
        assert!(
            key.default.is_empty() || key.kind.accepts(key.default),
            "{}",
            key.name
        );
    }
}

#[test]
fn values_of_keys_without_effect_are_checked() {
    let checked = |key: &&Key| matches!(key.kind, Kind::Flag | Kind::Number { .. });
    for key in CORE.unused.iter().filter(checked) {
        let name = key.name.replace("[]", "[0]").replace('*', "one");
        let wrong = mistakes(&format!("{name}: some\n"));
        assert!(wrong.contains(&key.kind.expectation()), "{name}: {wrong}");
    }
}

#[test]
fn no_key_is_listed_twice_or_looks_like_another() {
    let keys: Vec<_> = CORE.keys.iter().chain(CORE.unused).collect();
    for (index, one) in keys.iter().enumerate() {
        for other in &keys[index + 1..] {
            let names = name::Name::of_path(one.name).names(&name::Name::of_path(other.name));
            assert!(!names, "{} {}", one.name, other.name);
        }
    }
}

#[test]
fn the_seeds_storage_sample_loads_as_it_is() {
    let (config, unused) = read(SEED_STORAGE, &[]).unwrap();
    assert!(config.dynamic_accounts.intercept);
    assert_eq!(unused, Vec::<String>::new());
}

#[test]
fn the_seeds_storage_sample_is_read_literally() {
    for (from, to) in [
        ("- enabled: true \n", "- enabled: false\n"),
        ("  - enabled: true\n", "  - enabled: false\n"),
    ] {
        let text = SEED_STORAGE.replace(from, to);
        assert_ne!(text, SEED_STORAGE);
        assert!(!config(&text).dynamic_accounts.intercept, "{text}");
    }
}

#[test]
fn the_map_form_of_storage_is_read_too() {
    assert!(
        config("account.storage.enabled: true")
            .dynamic_accounts
            .intercept
    );
    for off in [
        "account: {storage: {enabled: false}}",
        "account: {storage: {kubernetes: {enabled: false}}}",
        "kubesvc.dynamicAccounts.interceptor.enabled: false",
        "kubesvc.dynamicAccounts.enabled: false",
    ] {
        assert!(!config(off).dynamic_accounts.intercept, "{off}");
    }
}

#[test]
fn the_seeds_scan_sample_works_as_it_is() {
    let (config, unused) = read(SEED_SCAN, &[]).unwrap();
    assert_eq!(unused, [""; 0]);
    let scan = config.dynamic_accounts.scan;
    assert!(scan.enabled);
    assert_eq!((scan.batch_size, scan.frequency.as_secs()), (5, 60));
    let taken = |name: &str| {
        let mut patterns = scan.name_patterns.iter();
        patterns
            .find(|(_, pattern)| pattern.is_match(name))
            .map(|(text, _)| text.as_str())
    };
    assert_eq!(taken("apple-1"), Some("^apple.*"));
    assert_eq!(taken("home-depot"), Some("^.*depot.*"));
    assert_eq!(taken("pear"), None);
}

#[test]
fn the_scan_is_on_when_it_is_said_or_when_there_are_patterns() {
    let on = |text: &str| {
        let text = format!("kubesvc.dynamicAccounts: {{{text}}}");
        let (config, _) = read(&text, &[]).unwrap();
        config.dynamic_accounts.scan.enabled
    };
    assert!(!on(""));
    assert!(!on("scan: false, namePatterns: ['a']"));
    assert!(!on("enabled: false, scan: true, namePatterns: ['a']"));
    assert!(on("scan: true"));
    assert!(on("namePatterns: ['a']"));
    assert!(on("credentialScanNamePatterns: ['a']"));
    let (config, _) = read("", &[]).unwrap();
    let scan = config.dynamic_accounts.scan;
    assert_eq!((scan.batch_size, scan.frequency.as_secs()), (572, 120));
}

#[test]
fn spellings_bind_relaxed() {
    for text in [
        "kubesvc: {dynamicAccounts: {maxRetries: 7}}",
        "kubesvc.dynamic-accounts.max-retries: 7",
        "KubeSvc: {dynamicaccounts: {MAX_RETRIES: '7'}}",
    ] {
        assert_eq!(config(text).dynamic_accounts.max_retries, 7, "{text}");
    }
}

#[test]
fn the_older_name_is_read_and_loses_to_the_current_one() {
    let older = "kubesvc.dynamicAccounts.enable: false\n";
    assert!(!config(older).dynamic_accounts.enabled);
    let both = format!("kubesvc.dynamicAccounts.enabled: true\n{older}");
    assert!(config(&both).dynamic_accounts.enabled);
}

#[test]
fn armory_wins_and_the_environment_wins_over_the_file() {
    let text = "armory: {kubesvc: {grpc: {server: {port: 2}}}}\nkubesvc.grpc.server.port: 1\n";
    assert_eq!(config(text).grpc.listen.port(), 2);
    let environment = [("KUBESVC_GRPC_SERVER_PORT", "3")];
    let (config, _) = read(text, &environment).unwrap();
    assert_eq!(config.grpc.listen.port(), 3);
    let environment = [environment[0], ("ARMORY_KUBESVC_GRPC_SERVER_PORT", "4")];
    let (config, _) = read(text, &environment).unwrap();
    assert_eq!(config.grpc.listen.port(), 4);
}

#[test]
fn lists_come_from_the_environment_with_indices_or_commas() {
    for environment in [
        &[("KUBESVC_DYNAMICACCOUNTS_NAMEPATTERNS", "a.*, (")][..],
        &[
            ("KUBESVC_DYNAMIC_ACCOUNTS_NAME_PATTERNS_1", "("),
            ("KUBESVC_DYNAMIC_ACCOUNTS_NAME_PATTERNS_0", "a{1,3}"),
        ],
    ] {
        let error = read(SEED_SCAN, environment).unwrap_err();
        assert!(error.contains("pattern \"(\""), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_bad_pattern_is_named_with_its_position() {
    assert_eq!(
        mistakes("kubesvc:\n  dynamicAccounts:\n    namePatterns: ['^a', '^b[']\n"),
        "kubesvc.dynamicAccounts.namePatterns (ferry.yml:3): pattern \"^b[\" does not compile, \
         at position 3: unclosed character class"
    );
}

#[test]
fn unknown_keys_are_named_with_line_and_likeness() {
    assert_eq!(
        mistakes("kubesvc:\n  dynamicAccounts:\n    maxRetry: 3\n"),
        "kubesvc.dynamicAccounts.maxRetry (ferry.yml:3): there is no such key; \
         did you mean kubesvc.dynamicAccounts.maxRetries?"
    );
    let error = mistakes("armory.kubesvc.heartbeat.perod: 3\n");
    assert!(
        error.contains("did you mean kubesvc.heartbeat.period?"),
        "{error}"
    );
    assert_eq!(
        read("", &[("KUBESVC_GRPC_SERVER_PROT", "1")]).unwrap_err(),
        "KUBESVC_GRPC_SERVER_PROT (environment variable KUBESVC_GRPC_SERVER_PROT): there is no \
         such key; did you mean KUBESVC_GRPC_SERVER_PORT?"
    );
}

#[test]
fn a_list_in_the_wrong_place_is_an_unknown_key() {
    let error = mistakes("- kubesvc:\n  - grpc: {server: {port: 1}}\n");
    assert!(
        error.starts_with("[0].kubesvc[0].grpc.server.port (ferry.yml:2)"),
        "{error}"
    );
    let error = mistakes("kubesvc.grpc.server.port: [1]\n");
    assert!(
        error.contains("did you mean kubesvc.grpc.server.port?"),
        "{error}"
    );
}

#[test]
fn a_section_is_no_value() {
    let error = mistakes("kubesvc: true\n");
    assert!(error.contains("is a section of keys"), "{error}");
}

#[test]
fn what_else_is_in_a_shared_root_is_clouddrivers() {
    config("account.storage.additional-scan-packages: com.example");
    config("account.storage.dockerRegistry.enabled: true");
}

#[test]
fn other_roots_are_nobodys_business() {
    let text = "sql: {enabled: true}\naccount: {other: 1}\narmory: {spinnaker: {x: 1}}\n\
                kubernetes:\n  accounts:\n  - {name: a, kubeconfigFile: encrypted:s3!x}\n\
                services: {clouddriver: {baseUrl: '${x}'}}\nsidecar.listen: nonsense\n";
    let environment = [
        ("PATH", "/bin"),
        ("SIDECAR_X", "1"),
        ("KUBERNETES_PORT", "tcp://x"),
    ];
    assert!(read(text, &environment).unwrap().1.is_empty());
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_ignored() {
    let environment = [
        ("KUBESVC_SERVICE_HOST", "10.0.0.1"),
        ("KUBESVC_SERVICE_PORT", "9091"),
        ("KUBESVC_SERVICE_PORT_GRPC", "9091"),
        ("KUBESVC_PORT", "tcp://10.0.0.1:9091"),
        ("KUBESVC_PORT_9091_TCP", "tcp://10.0.0.1:9091"),
        ("KUBESVC_PORT_9091_TCP_ADDR", "10.0.0.1"),
    ];
    read("", &environment).unwrap();
}

#[test]
fn a_port_by_a_wrong_name_is_no_service() {
    assert_eq!(
        read("", &[("KUBESVC_GRPC_PORT", "9443")]).unwrap_err(),
        "KUBESVC_GRPC_PORT (environment variable KUBESVC_GRPC_PORT): there is no such key; \
         did you mean KUBESVC_GRPC_SERVER_PORT?"
    );
    read("", &[("KUBESVC_GRPC_PORT", "tcp://10.0.0.1:9443")]).unwrap();
}

#[test]
fn values_of_the_wrong_kind_say_what_is_right() {
    assert_eq!(
        mistakes("kubesvc.grpc.server.port: 70000\n"),
        "kubesvc.grpc.server.port (ferry.yml:1): \"70000\" is not a whole number from 0 to 65535"
    );
    for (text, expectation) in [
        ("kubesvc.dynamicAccounts.enabled: perhaps", "true or false"),
        (
            "kubesvc.dynamicAccounts.maxRetries: -1",
            "from 0 to 4294967295",
        ),
        (
            "kubesvc.dynamicAccounts.retryFrequencySeconds: 0",
            "from 1 to 31536000",
        ),
        (
            "kubesvc.grpc.server.maxInboundMessageSize: 4 apples",
            "4194304 or 4MB",
        ),
        (
            "kubesvc.grpc.server.address: everywhere",
            "an IP address, or *",
        ),
        ("kubesvc.heartbeat.periodUnit: WEEKS", "one of NANOSECONDS"),
        ("kubesvc.dynamicAccounts.scan: maybe", "true or false"),
    ] {
        let error = mistakes(text);
        assert!(error.contains(expectation), "{error}");
    }
}

#[test]
fn a_heartbeat_slower_than_the_cleanup_or_faster_than_agents_count_is_refused() {
    let error = mistakes("kubesvc.heartbeat: {period: 10, periodUnit: minutes}\n");
    assert_eq!(
        error,
        "kubesvc.heartbeat.period (ferry.yml:1): 600s is not below \
         kubesvc.cache.accountCleanupFrequencySeconds (600s): accounts would be cleaned up \
         between two heartbeats"
    );
    let huge = format!(
        "kubesvc.heartbeat: {{period: {}, periodUnit: DAYS}}",
        i64::MAX
    );
    assert!(mistakes(&huge).contains("is not below"));
    let of_millis =
        |millis: u32| format!("kubesvc.heartbeat: {{period: {millis}, periodUnit: MILLISECONDS}}");
    assert!(mistakes(&of_millis(999)).contains("999ms is less than a second"));
    assert_eq!(
        config(&of_millis(1000)).heartbeat,
        Some(Duration::from_secs(1))
    );
    assert_eq!(
        config("kubesvc.heartbeat: {enabled: false, period: 9999}").heartbeat,
        None
    );
}

#[test]
fn all_mistakes_come_at_once() {
    let text = "kubesvc:\n  heartbeat: {period: 9000}\n  grpc: {server: {port: x}}\n  nonsense: 1\n\
                \x20 dynamicAccounts: {namePatterns: ['(', ')']}\n";
    assert_eq!(mistakes(text).lines().count(), 5, "{}", mistakes(text));
}

#[test]
fn a_missing_file_and_a_broken_one_are_errors() {
    let values = Values::read(&[CORE], Some("/nonexistent/ferry.yml".as_ref()), []);
    let error = values.finish().unwrap_err().to_string();
    assert!(
        error.starts_with("/nonexistent/ferry.yml: cannot be read"),
        "{error}"
    );
    assert!(mistakes("a: [").contains("is not valid YAML"));
}

#[test]
fn keys_below_any_name_and_inside_lists_are_known() {
    let text = "kubesvc.runtime.accounts:\n  prod.eu:\n    customResources:\n\
                \x20   - {kubernetesKind: A.b, versioned: true}\n";
    let (_, unused) = read(text, &[]).unwrap();
    assert_eq!(unused.len(), 2, "{unused:?}");
}

#[test]
fn help_tells_every_key_with_default_and_variable() {
    let text = help(&[CORE]);
    for key in CORE.keys.iter().chain(CORE.unused) {
        assert!(text.contains(key.name), "{}", key.name);
    }
    assert!(
        text.contains("number; default: 3; env: KUBESVC_DYNAMICACCOUNTS_MAXRETRIES"),
        "{text}"
    );
}

#[test]
fn clouddrivers_own_properties_are_read_and_its_other_ones_ignored() {
    let read = |properties: &[(&str, &str)]| {
        let properties = properties.iter();
        let properties = properties.map(|(name, value)| (name.to_string(), value.to_string()));
        let mut values = Values::of_clouddriver(&[CORE], properties);
        let config = Config::read(&mut values, place());
        values.finish().map(|_| config).map_err(|e| e.to_string())
    };
    let config = read(&[
        ("kubesvc.grpc.server.port", "7777"),
        ("KUBESVC_GRPC_SERVER_PORT", "8888"),
        ("kubesvc.dynamic-accounts.max-retries", "9"),
        ("kubesvc.dynamicAccounts.namePatterns[0]", "^a.*"),
        ("KUBESVC_SERVICE_HOST", "10.0.0.1"),
        ("sql.connectionPools.default.password", "hunter2"),
        ("java.version", "17"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(config.grpc.listen.to_string(), "0.0.0.0:8888");
    assert_eq!(config.dynamic_accounts.max_retries, 9);
    assert_eq!(
        read(&[("kubesvc.grpc.server.prot", "1")]).unwrap_err(),
        "kubesvc.grpc.server.prot (Clouddriver's configuration): there is no such key; \
         did you mean kubesvc.grpc.server.port?"
    );
}

#[test]
fn a_server_of_agents_needs_what_its_switches_ask_for() {
    let tls = "kubesvc.grpc.server.security:\n  enabled: true\n";
    let whole = format!("{tls}  certificateChain: file:/tls.crt\n  privateKey: /tls.key\n");
    for (text, words) in [
        (tls.to_owned(), "certificateChain (default): is missing"),
        (tls.to_owned(), "privateKey (default): is missing"),
        (
            format!("{whole}  clientAuth: require\n"),
            "trustCertCollection (default): is missing, but clientAuth",
        ),
        (
            format!("{whole}  protocols: [SSLv3]\n"),
            "there are TLSv1.2",
        ),
        (format!("{whole}  ciphers: RC4\n"), "TLS_AES_128_GCM_SHA256"),
        (
            whole.replace("file:/tls.crt", "classpath:tls.crt"),
            "is no file of this host",
        ),
        (
            format!("{whole}kubesvc.grpc.auth.x509: {{enabled: true, filters: [CN=a]}}\n"),
            "no agent shows a certificate",
        ),
        (
            "kubesvc.grpc.auth: {token: a, tokenFile: /b}\n".to_owned(),
            "keep one of them",
        ),
    ] {
        let error = mistakes(&text);
        assert!(error.contains(words), "{text}: {error}");
    }
    let mutual = format!("{whole}  clientAuth: OPTIONAL\n  trustCertCollection: file:ca.pem\n");
    let empty = format!("{mutual}kubesvc.grpc.auth.x509.enabled: true\n");
    assert!(mistakes(&empty).contains("no agent would be let in"));
    let text = format!(
        "{mutual}  protocols: TLSv1.3\n  KeepAliveTimeOutSeconds: 7\n\
         \x20 keep-alive-heartbeat-seconds: 0\nkubesvc.grpc.auth.x509: {{enabled: true, filters: [CN=a, O=b]}}\n\
         kubesvc.grpc.auth.tokenFile: file:/token\n"
    );
    let grpc = config(&text).grpc;
    let tls = grpc.tls.unwrap();
    assert_eq!(tls.certificates, std::path::Path::new("/tls.crt"));
    assert_eq!(
        tls.client_authorities.unwrap(),
        std::path::Path::new("ca.pem")
    );
    assert_eq!((tls.protocols.len(), grpc.subjects.unwrap().len()), (1, 2));
    assert_eq!(
        (grpc.keep_alive, grpc.keep_alive_timeout.as_secs()),
        (None, 7)
    );
    assert!(matches!(grpc.token, Some(AgentToken::File(_))));
    let plain = config("").grpc;
    assert!(plain.tls.is_none() && plain.token.is_none() && plain.subjects.is_none());
    assert!(plain.health && !plain.allow_plaintext);
}
