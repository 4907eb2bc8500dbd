//! Values that stand for others: never taken as written.

use super::shapes::of_clouddriver;
use super::*;
use secrecy::ExposeSecret;

const TLS: &str = "kubesvc.grpc.server.security:\n  enabled: true\n  privateKey: /tls.key\n";

#[test]
fn a_placeholder_in_the_file_is_refused_once_and_not_shown() {
    assert_eq!(
        mistakes("kubesvc:\n  grpc.auth.token: ${hunter2}\n"),
        "kubesvc.grpc.auth.token (ferry.yml:2): has a placeholder, ${…}, and those are filled in by \
         Spring alone: write it out, or set the environment variable KUBESVC_GRPC_AUTH_TOKEN"
    );
    for text in [
        "secrets.vault: {enabled: true, url: 'https://vault', token: '${hunter2}'}\n",
        "secrets.vault: {enabled: true, url: 'https://${hunter2}', token: t}\n",
        &format!("{TLS}  certificateChain: ${{hunter2}}/tls.crt\n"),
        "armory.kubesvc.grpc.server.port: ${hunter2:9091}\n",
        "kubesvc.dynamicAccounts.enabled: ${hunter2:true}\n",
        "kubesvc.secrets.otherKeyFiles: [/a, '${hunter2}']\n",
        "kubesvc.dynamicAccounts.namePatterns: ['a.*', '${hunter2}']\n",
    ] {
        let error = mistakes(text);
        assert!(error.contains("has a placeholder"), "{error}");
        assert!(
            !error.contains("hunter2") && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn a_reference_where_none_is_resolved_is_refused_and_not_shown() {
    let certified = format!("{TLS}  certificateChain: /tls.crt\n");
    for reference in [
        "encrypted:vault!e:hunter2!p:a!k:b",
        "encryptedFile:k8s!n:hunter2!k:b",
        "secret://hunter2?k=v",
    ] {
        for text in [
            format!("kubesvc.grpc.auth.token: {reference}\n"),
            format!("{certified}  privateKeyPassword: {reference}\n"),
            format!("kubesvc.secrets.keyFile: {reference}\n"),
        ] {
            let error = mistakes(&text);
            assert!(error.contains("is a reference to a secret"), "{error}");
            assert!(
                !error.contains("hunter2") && error.lines().count() == 1,
                "{error}"
            );
        }
        let error = read("", &[("KUBESVC_GRPC_AUTH_TOKEN", reference)]).unwrap_err();
        assert!(error.ends_with("alone: give the value itself"), "{error}");
    }
}

#[test]
fn the_variable_of_a_key_stands_for_the_files_placeholder() {
    let text = "kubesvc.grpc.auth.token: ${AGENT_TOKEN}\n";
    read(text, &[("KUBESVC_GRPC_AUTH_TOKEN", "t${0}ken")]).unwrap();
}

#[test]
fn what_spring_filled_in_is_taken_as_it_is() {
    let (config, _) = of_clouddriver(&[("kubesvc.grpc.auth.token", "t${0}ken")]).unwrap();
    let Some(AgentToken::Text(token)) = config.grpc.token else {
        panic!("a token was set");
    };
    assert_eq!(token.expose_secret(), "t${0}ken");
}

#[test]
fn a_placeholder_where_nothing_reads_it_or_in_a_pattern_is_none_of_ours() {
    let (config, unused) = read(
        "kubesvc:\n  cluster-kubernetes.namespace: ${POD_NAMESPACE}\n\
         \x20 dynamicAccounts.namePatterns: ['a${1}']\n",
        &[],
    )
    .unwrap();
    assert_eq!(unused.len(), 1, "{unused:?}");
    let (_, pattern) = &config.dynamic_accounts.scan.name_patterns[0];
    assert!(pattern.is_match("a"));
    let number = mistakes("kubesvc.cache.operationWaitMs: ${WAIT:1}\n");
    assert!(number.contains("has a placeholder"), "{number}");
}
