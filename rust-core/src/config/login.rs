//! A database's URL with the user and password that stand beside it. The programs' configurations
//! call it; nothing is opened, and no value is in a reason.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// `url` with this user and password in it, each where it is given; an error is the end of a
/// sentence that begins with the key.
pub fn with_login(
    url: &str,
    user: Option<&str>,
    password: Option<&SecretString>,
) -> Result<SecretString, String> {
    if user.is_none() && password.is_none() {
        return Ok(SecretString::from(url));
    }
    if kind(url) == "sqlite" {
        return Err("has a user or password beside it, but an SQLite file has no users".to_owned());
    }
    let bad = "is not a URL such as mysql://host/schema or postgres://host/database";
    let mut url = Url::parse(url).map_err(|_| bad)?;
    if let Some(user) = user {
        url.set_username(user).map_err(|()| bad)?;
    }
    if let Some(password) = password {
        let password = password.expose_secret();
        url.set_password(Some(password)).map_err(|()| bad)?;
    }
    Ok(SecretString::from(String::from(url)))
}

/// `url` as it may be shown, whether it is one or not: without what stands before its host.
pub fn without_login(url: &str) -> String {
    let host = url.rfind('@').map_or(url, |at| &url[at + 1..]);
    let scheme = url.find("://").map_or("", |at| &url[..at + 3]);
    match host.starts_with(scheme) {
        true => host.to_owned(),
        false => format!("{scheme}{host}"),
    }
}

/// Whether both URLs are of one kind of database.
pub fn same_kind(one: &SecretString, other: &SecretString) -> bool {
    kind(one.expose_secret()) == kind(other.expose_secret())
}

fn kind(url: &str) -> &str {
    match url.split_once("://") {
        Some(("mysql" | "mariadb", _)) => "mysql",
        Some(("postgres" | "postgresql", _)) => "postgres",
        Some((scheme, _)) => scheme,
        None => "sqlite",
    }
}

#[cfg(test)]
mod tests {
    use super::without_login;

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        for (url, shown) in [
            ("http://user:pass@host:1/x?y", "http://host:1/x?y"),
            ("http://user:p@ss/w@host", "http://host"),
            ("user:pass@host", "host"),
            ("http://host:1", "http://host:1"),
            ("host", "host"),
            ("", ""),
        ] {
            assert_eq!(without_login(url), shown);
        }
    }
}
