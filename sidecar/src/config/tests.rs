//! Settings from environments, right and wrong.

use super::*;
use secrecy::{ExposeSecret, SecretString};

fn read(environment: &[(&str, &str)]) -> Result<Settings, String> {
    let environment = environment.iter();
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    Settings::read(None, environment)
        .map(|(settings, _)| settings)
        .map_err(|errors| errors.to_string())
}

#[test]
fn defaults_need_no_file() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7003");
    assert_eq!(settings.admin.to_string(), "127.0.0.1:7009");
    assert_eq!(settings.upstream, "127.0.0.1:7002");
    assert_eq!(settings.core.place.database.expose_secret(), "ferry.db");
    assert_eq!(
        settings.core.place.clouddriver_url.as_deref(),
        Some("http://127.0.0.1:7002")
    );
    assert_eq!(settings.core.grpc.listen.to_string(), "0.0.0.0:9091");
    assert_eq!(settings.upstream_timeout, Duration::from_secs(300));
    assert!(!settings.log.json);
}

#[test]
fn a_clouddriver_yml_with_the_plugins_own_keys_can_be_given() {
    let of_the_plugin = [
        ("KUBESVC_REQUIRED", "true"),
        ("KUBESVC_NATIVELIBRARY", "/x.so"),
        ("KUBESVC_LOG_LEVEL", "debug"),
    ];
    let environment = of_the_plugin.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (_, unused) = Settings::read(None, environment).unwrap();
    let names: Vec<_> = (unused
        .iter()
        .filter(|key| key.ends_with(table::THE_PLUGINS)))
    .filter_map(|key| key.split(' ').next())
    .collect();
    let expected = [
        "kubesvc.required",
        "kubesvc.nativeLibrary",
        "kubesvc.log.level",
    ];
    assert_eq!(names, expected, "{unused:?}");
}

#[test]
fn users_and_passwords_may_stand_beside_the_url() {
    let url = (
        "SIDECAR_DATABASE",
        "mysql://db/clouddriver?ssl-mode=REQUIRED",
    );
    let urls = |more: &[(&str, &str)]| {
        let place = read(&[&[url], more].concat())?.core.place;
        let shown = |url: SecretString| url.expose_secret().to_owned();
        Ok::<_, String>((shown(place.database), place.migration.map(shown)))
    };
    let plain = url.1.to_owned();
    assert_eq!(urls(&[]).unwrap(), (plain.clone(), None));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "p@ss/word\n").unwrap();
    let file = file.to_str().unwrap();
    let (service, migration) = urls(&[
        ("SIDECAR_DATABASEUSER", "service"),
        ("SIDECAR_DATABASEPASSWORDFILE", file),
        ("SIDECAR_MIGRATION_USER", "migrate"),
        ("SIDECAR_MIGRATION_PASSWORD", "s3cret"),
    ])
    .unwrap();
    let at = "db/clouddriver?ssl-mode=REQUIRED";
    assert_eq!(service, format!("mysql://service:p%40ss%2Fword@{at}"));
    assert_eq!(migration.unwrap(), format!("mysql://migrate:s3cret@{at}"));
    let other = [("SIDECAR_MIGRATION_DATABASE", "mysql://m:n@db2/clouddriver")];
    let (service, migration) = urls(&other).unwrap();
    assert_eq!(service, plain);
    assert_eq!(migration.unwrap(), "mysql://m:n@db2/clouddriver");
    for (wrong, said) in [
        (
            ("SIDECAR_DATABASE", "ferry.db"),
            "an SQLite file has no users",
        ),
        (
            ("SIDECAR_MIGRATION_PASSWORDFILE", "/none"),
            "cannot be read",
        ),
        (
            ("SIDECAR_MIGRATION_DATABASE", "postgres://db/x"),
            "is not of the same kind",
        ),
    ] {
        let more = [("SIDECAR_MIGRATION_USER", "migrate"), wrong];
        let error = urls(&more).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn upstream_is_plain_http_without_a_path() {
    for (url, said) in [
        ("https://clouddriver:7002", "is https"),
        ("clouddriver:7002", "is not http://host:port"),
        ("http://clouddriver:7002/path", "has a path"),
        ("http://user@clouddriver:7002", "is not http://host:port"),
        ("ftp://clouddriver", "is not http://host:port"),
        ("http:// ", "is not a URL"),
    ] {
        let error = read(&[("SIDECAR_UPSTREAM", url)]).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let error = read(&[("SIDECAR_UPSTREAM", "http://u:hunter2@clouddriver:7002")]).unwrap_err();
    assert!(
        error.contains("\"http://clouddriver:7002\" is not"),
        "{error}"
    );
    let settings = read(&[("SIDECAR_UPSTREAM", "http://clouddriver/")]).unwrap();
    assert_eq!(settings.upstream, "clouddriver:80");
}

#[test]
fn the_token_is_a_key_or_a_file_and_is_not_printed() {
    assert!(matches!(read(&[]).unwrap().access, Access::Loopback));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "s3cret\n").unwrap();
    let key = ("SIDECAR_API_TOKEN", "s3cret");
    let in_file = ("SIDECAR_API_TOKENFILE", path);
    let settings = read(&[key]).unwrap();
    assert!(!format!("{settings:?}").contains("s3cret"));
    match settings.access {
        Access::Token(token) => assert_eq!(token.expose_secret(), "s3cret"),
        other => panic!("{other:?}"),
    }
    match read(&[in_file]).unwrap().access {
        Access::TokenFile(named) => assert_eq!(named, file),
        other => panic!("{other:?}"),
    }
    let error = |set: &[(&str, &str)]| read(set).unwrap_err();
    let both = error(&[key, in_file]);
    assert!(both.contains("beside sidecar.api.token") && !both.contains("s3cret"));
    assert!(error(&[("SIDECAR_API_TOKEN", "s3 cret")]).contains("one line"));
    for content in ["", "\n", "s3cret s3"] {
        std::fs::write(&file, content).unwrap();
        let error = error(&[in_file]);
        assert!(
            error.contains("one line") && !error.contains("s3cret"),
            "{error}"
        );
    }
    std::fs::remove_file(&file).unwrap();
    assert!(error(&[in_file]).contains(path));
}

#[test]
fn a_secret_that_was_pasted_for_its_file_is_not_printed() {
    for variable in [
        "SIDECAR_API_TOKENFILE",
        "SIDECAR_DATABASEPASSWORDFILE",
        "SIDECAR_MIGRATION_PASSWORDFILE",
    ] {
        for pasted in ["-----BEGIN PRIVATE KEY----- hunter2", "/hunter2\n"] {
            let error = read(&[(variable, pasted)]).unwrap_err();
            assert!(
                error.contains(variable) && error.contains("give a path"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn a_user_is_one_that_a_header_can_carry() {
    let user = |user| read(&[("SIDECAR_SOURCE_USER", user)]);
    let settings = user("ferry").unwrap();
    assert_eq!(settings.core.place.source_user.as_deref(), Some("ferry"));
    assert!(user("fer\nry").unwrap_err().contains("control characters"));
}

#[test]
fn mistakes_in_both_tables_come_together() {
    let error = read(&[
        ("SIDECAR_LISTEN", "7003"),
        ("SIDECAR_LISTENN", "1"),
        ("SIDECAR_DATABASE", ""),
        ("SIDECAR_LOG_LEVEL", "=="),
        ("KUBESVC_GRPC_SERVER_PORT", "x"),
    ])
    .unwrap_err();
    assert_eq!(error.lines().count(), 5, "{error}");
}

#[test]
fn help_has_every_key_once() {
    let help = help();
    let address = "kubesvc.grpc.server.address\n    IP address or *; default: *; env: \
                   KUBESVC_GRPC_SERVER_ADDRESS\n";
    assert_eq!(help.matches(address).count(), 1);
    for key in OWN.keys {
        assert!(help.contains(key.name), "{}", key.name);
    }
}
