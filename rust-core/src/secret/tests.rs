//! What is sealed opens for whom it was sealed, with the key it was sealed with.

use super::*;
use secrecy::{ExposeSecret, SecretString};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_secret_opens_for_its_account_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.key");
    let keyring = Keyring::beside(&path).unwrap();
    let sealed = keyring.seal("a", &SecretString::from("s3cret")).unwrap();
    assert!(!sealed.bytes.windows(6).any(|window| window == b"s3cret"));
    let again = Keyring::beside(&path).unwrap();
    assert_eq!(
        again.open_sealed("a", &sealed).unwrap().expose_secret(),
        "s3cret"
    );
    assert!(matches!(
        again.open_sealed("b", &sealed),
        Err(SecretError::Broken)
    ));
    let other = Keyring::beside(&folder.path().join("other.key")).unwrap();
    assert!(matches!(
        other.open_sealed("a", &sealed),
        Err(SecretError::OtherKey { .. })
    ));
}

#[test]
fn without_a_key_no_secret_is_kept() {
    let none = Keyring::none();
    let secret = SecretString::from("s3cret");
    let sealed = none.seal("a", &secret).unwrap();
    assert!(sealed.bytes.is_empty() && !sealed.key_id.contains("s3cret"));
    assert!(matches!(
        none.open_sealed("a", &sealed),
        Err(SecretError::AtSource)
    ));
    assert!(none.holds("a", &sealed, &secret));
    assert!(!none.holds("b", &sealed, &secret));
    assert!(!none.holds("a", &sealed, &SecretString::from("other")));
}

#[test]
fn the_key_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.key");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let read_with = |mode: u32| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Keyring::named(&path)
    };
    let made = Keyring::beside(&path).unwrap();
    assert_eq!(mode(), 0o600);
    // A volume's group is let in whenever the volume is mounted.
    for open in [0o600, 0o440, 0o640, 0o660] {
        let again = read_with(open).unwrap_or_else(|error| panic!("{open:o}: {error}"));
        assert_eq!((again.key_id(), mode()), (made.key_id(), 0o600), "{open:o}");
    }
    for open in [0o644, 0o602, 0o664] {
        let error = read_with(open).err().unwrap().to_string();
        assert!(
            error.contains("lets others") && error.contains("chmod 600"),
            "{error}"
        );
        assert!(error.contains("defaultMode: 0440 and set the pod's fsGroup"));
        assert_eq!(
            mode(),
            open,
            "what others have seen is not put right in silence"
        );
    }
    if std::os::unix::fs::chown(&path, Some(4711), None).is_err() {
        return; // Only root has files of others to show.
    }
    for open in [0o440, 0o640] {
        let theirs = read_with(open).unwrap_or_else(|error| panic!("{open:o}: {error}"));
        assert_eq!((theirs.key_id(), mode()), (made.key_id(), open));
    }
    for (open, who) in [(0o660, "lets its group"), (0o444, "lets others")] {
        let error = read_with(open).err().unwrap().to_string();
        assert!(error.contains(who), "{error}");
        assert_eq!(mode(), open);
    }
}

#[test]
fn a_key_file_that_was_named_is_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferry.key");
    let error = Keyring::named(&path).err().unwrap().to_string();
    assert!(error.contains("does not exist"), "{error}");
    assert!(!path.exists());
    Keyring::beside(&path).unwrap();
    Keyring::named(&path).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
    fs::write(&path, "short").unwrap();
    let error = Keyring::named(&path).err().unwrap().to_string();
    assert!(error.contains("holds 5 bytes"), "{error}");
}

#[test]
fn another_key_opens_what_was_sealed_with_it_and_seals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
    let secret = SecretString::from("s3cret");
    let before = Keyring::beside(&old).unwrap();
    let sealed = before.seal("a", &secret).unwrap();
    let fingerprint = before.fingerprint(&secret).unwrap();
    let both = Keyring::beside(&new).unwrap().with_others(&[old]).unwrap();
    assert!(both.holds("a", &sealed, &secret) && both.is_of(&fingerprint, &secret));
    let again = both.seal("a", &secret).unwrap();
    assert_eq!(Some(again.key_id.as_str()), both.key_id());
    assert_ne!(again.key_id, sealed.key_id);
    assert!(both.with_others(&[folder.path().join("none")]).is_err());
}

#[test]
fn a_fingerprint_is_another_each_time_and_under_each_key() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = Keyring::beside(&folder.path().join("key")).unwrap();
    let [one, other] = ["s3cret", "s3cres"].map(SecretString::from);
    for keyring in [&keyed, &Keyring::none()] {
        let fingerprint = keyring.fingerprint(&one).unwrap();
        assert_ne!(fingerprint, keyring.fingerprint(&one).unwrap());
        assert!(keyring.is_of(&fingerprint, &one) && !keyring.is_of(&fingerprint, &other));
    }
    let fingerprint = keyed.fingerprint(&one).unwrap();
    assert!(!Keyring::none().is_of(&fingerprint, &one));
    assert_eq!(Keyring::none().knows(&fingerprint, &one), None);
    assert_eq!(keyed.knows(&fingerprint, &one), Some(true));
    assert_eq!(keyed.knows(&fingerprint, &other), Some(false));
    let keyless = Keyring::none().fingerprint(&one).unwrap();
    assert_eq!(keyed.knows(&keyless, &other), Some(false));
    assert!(keyed.is_current(&fingerprint) && !keyed.is_current(&keyless));
    assert!(!keyed.is_of("", &one) && !keyed.is_of("ab", &one));
}
