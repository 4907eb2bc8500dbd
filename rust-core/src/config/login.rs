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
