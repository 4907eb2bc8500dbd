//! The shapes in which one configuration may come: as YAML, or flattened by Spring into properties.

use super::*;

/// From a file, which names the keys without effect that are set.
fn unused_of(text: &str) -> Vec<String> {
    let (_, unused) = read(text, &[]).unwrap();
    let names = unused.iter().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

/// From Clouddriver's properties.
pub(super) fn of_clouddriver(properties: &[(&str, &str)]) -> Result<(Config, Vec<String>), String> {
    let owned = properties.iter();
    let owned = owned.map(|(name, value)| (name.to_string(), value.to_string()));
    let mut values = Values::of_clouddriver(&[CORE], owned);
    let config = Config::read(&mut values, place());
    let unused = values.finish().map_err(|errors| errors.to_string())?;
    Ok((config, unused))
}

#[test]
fn accounts_may_be_named_in_brackets() {
    for text in [
        "kubesvc.runtime.accounts.prod.onlySpinnakerManaged: true",
        "kubesvc.runtime.accounts[prod].onlySpinnakerManaged: true",
        "kubesvc.runtime.accounts[prod.eu].only-spinnaker-managed: true",
        "kubesvc.runtime.accounts: {'[prod.eu]': {onlySpinnakerManaged: true}}",
    ] {
        let named = unused_of(text);
        assert_eq!(named, ["kubesvc.runtime.accounts.*.onlySpinnakerManaged"]);
        let (name, value) = text.split_once(": ").unwrap();
        if value == "true" {
            let (_, unused) = of_clouddriver(&[(name, value)]).unwrap();
            assert_eq!(unused.len(), 1, "{unused:?}");
        }
    }
    let wrong = mistakes("kubesvc.runtime.accounts[prod.eu].onlySpinakerManaged: true\n");
    assert!(wrong.contains("did you mean"), "{wrong}");
}

#[test]
fn what_is_empty_sets_nothing() {
    let names = [
        "kubesvc.runtime.defaults.customResources",
        "kubesvc.runtime.accounts",
        "kubesvc.runtime.accounts.prod",
        "kubesvc.runtime.accounts.prod.customResources",
        "kubesvc.runtime.accounts[prod.eu].customResources",
        "kubesvc.dynamicAccounts.interceptor",
        "kubesvc",
        "kubesvc.dynamicAccounts.scanBatchSize",
        "kubesvc.dynamicAccounts.scan",
        "kubesvc.dynamicAccounts.interceptor.strict",
        "kubesvc.dynamicAccounts.retryFrequencySeconds",
        "kubesvc.grpc.server.maxInboundMessageSize",
        "kubesvc.grpc.server.address",
        "kubesvc.heartbeat.periodUnit",
        "kubesvc.dynamicAccounts.namePatterns",
        "kubesvc.runtime.defaults.onlySpinnakerManaged",
    ];
    let defaults = format!("{:?}", config(""));
    let as_unset = |read: Result<(Config, Vec<String>), String>| {
        let (config, unused) = read.unwrap();
        assert_eq!((format!("{config:?}"), unused.len()), (defaults.clone(), 0));
    };
    for name in names {
        for empty in ["", " ''", " []", " {}"] {
            as_unset(read(&format!("{name}:{empty}\n"), &[]));
        }
        as_unset(of_clouddriver(&[(name, "")]));
    }
    let variable = ("KUBESVC_RUNTIME_DEFAULTS_CUSTOMRESOURCES", "");
    as_unset(of_clouddriver(&[variable]));
    as_unset(read("", &[variable, ("KUBESVC_HEARTBEAT_PERIOD", "")]));
    // An unknown key is one without a value, too.
    let unknown = of_clouddriver(&[("kubesvc.dynamicAccounts.scanBatch", "")]).unwrap_err();
    assert!(unknown.contains("did you mean"), "{unknown}");
    let section = mistakes("kubesvc.runtime.accounts.prod: true\n");
    assert!(section.contains("is a section of keys"), "{section}");
}

#[test]
fn what_is_empty_in_the_environment_takes_a_value_back() {
    let text = "kubesvc.dynamicAccounts.scanBatchSize: 5\n";
    let variable = ("KUBESVC_DYNAMICACCOUNTS_SCANBATCHSIZE", "");
    let (config, _) = read(text, &[variable]).unwrap();
    assert_eq!(config.dynamic_accounts.scan.batch_size, 572);
    let of_both = [("kubesvc.dynamicAccounts.scanBatchSize", "5"), variable];
    let (config, _) = of_clouddriver(&of_both).unwrap();
    assert_eq!(config.dynamic_accounts.scan.batch_size, 572);
}

#[test]
fn a_key_that_was_pasted_for_its_file_is_not_printed() {
    let on = "kubesvc.grpc.server.security.enabled: true\n\
              kubesvc.grpc.server.security.certificateChain: /tls.crt\n\
              kubesvc.grpc.server.security.privateKey: /tls.key\n\
              secrets.vault: {enabled: true, url: 'https://vault', token: t}\n";
    read(on, &[]).unwrap();
    for name in [
        "kubesvc.grpc.auth.tokenFile",
        "kubesvc.grpc.server.security.certificateChain",
        "kubesvc.grpc.server.security.privateKey",
        "kubesvc.grpc.server.security.trustCertCollection",
        "kubesvc.secrets.keyFile",
        "kubesvc.secrets.kubernetes.kubeconfigFile",
        "kubesvc.secrets.otherKeyFiles",
        "secrets.vault.caFile",
    ] {
        let pasted = "-----BEGIN PRIVATE KEY-----\nMIIhunter2:/x\n-----END PRIVATE KEY-----\n";
        let variable = name.replace('.', "_").to_ascii_uppercase();
        let error = read(on, &[(variable.as_str(), pasted)]).unwrap_err();
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains("give a path"), "{error}");
        assert!(
            !error.contains("hunter2") && error.lines().count() == 1,
            "{error}"
        );
    }
    let text = "kubesvc.secrets: {keyFile: 'file:/a', otherKeyFiles: [/b, 'file:c']}\n";
    let config = config(text);
    assert_eq!(config.key_file, Some("/a".into()));
    assert_eq!(config.other_key_files, ["/b", "c"].map(PathBuf::from));
}
