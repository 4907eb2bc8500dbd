//! Which way a request goes, by its method and target alone.
//!
//! Asked by `proxy`. A target is only looked at, never changed: what goes to Clouddriver keeps
//! every byte of it. For `/credentials` it sees what Clouddriver's Tomcat and Spring would route
//! there: parameters cut off, percent-encoding undone, empty and dotted segments resolved.

use http::{Method, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// To the core's own API.
    Own,
    /// To Clouddriver, after a look at it: a write to `/credentials` or `/credentials/{name}`,
    /// with that path in its plainest spelling: no parameters, the name percent-encoded.
    Credentials(String),
    /// To Clouddriver, as it is.
    Through,
    /// Nowhere: it has no path.
    Nowhere,
}

pub(crate) fn door(method: &Method, uri: &Uri) -> Door {
    if *method == Method::CONNECT || uri.path_and_query().is_none() {
        return Door::Nowhere;
    }
    let path = uri.path();
    if path == "/armory" || path.starts_with("/armory/") || path.starts_with("/agents/") {
        return Door::Own;
    }
    if ![Method::POST, Method::PUT, Method::DELETE].contains(method) {
        return Door::Through;
    }
    let segments = segments(path);
    match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["credentials"] => Door::Credentials("/credentials".into()),
        ["credentials", name] => {
            let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
            Door::Credentials(format!("/credentials/{name}"))
        }
        _ => Door::Through,
    }
}

fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for raw in path.split('/') {
        let (segment, _parameters) = raw.split_once(';').unwrap_or((raw, ""));
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        match &*segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(method: &Method, target: &str) -> Door {
        door(method, &target.parse().unwrap())
    }

    #[test]
    fn own_paths_go_to_the_core() {
        for target in [
            "/armory",
            "/armory/",
            "/armory/accounts?x=1",
            "/agents/a",
            "/agents/",
        ] {
            assert_eq!(of(&Method::GET, target), Door::Own, "{target}");
        }
        for target in [
            "/armoryx",
            "/agents",
            "/Armory/accounts",
            "/x/armory/accounts",
            "/",
        ] {
            assert_eq!(of(&Method::GET, target), Door::Through, "{target}");
        }
    }

    #[test]
    fn writes_to_credentials_are_looked_at_however_they_are_spelled() {
        for target in [
            "/credentials",
            "/credentials/",
            "/credentials?x=1",
            "/credentials;v=1",
            "//credentials",
            "/%63redentials",
            "/x/../credentials",
            "/x/..;y/credentials",
            "/./credentials",
            "/%2e%2e/credentials",
        ] {
            let door = of(&Method::POST, target);
            assert_eq!(door, Door::Credentials("/credentials".into()), "{target}");
        }
        for target in [
            "/credentials/acc%201",
            "/credentials/acc%201/",
            "/credentials;v=1/acc%201;w=2",
            "/credentials//acc%201?name=other",
        ] {
            let door = of(&Method::DELETE, target);
            assert_eq!(
                door,
                Door::Credentials("/credentials/acc%201".into()),
                "{target}"
            );
        }
    }

    #[test]
    fn everything_else_passes() {
        assert_eq!(of(&Method::GET, "/credentials"), Door::Through);
        assert_eq!(of(&Method::PATCH, "/credentials/a"), Door::Through);
        for target in [
            "/credentials/type/kubernetes",
            "/Credentials",
            "/credentialsx",
            "/a/credentials",
        ] {
            assert_eq!(of(&Method::POST, target), Door::Through, "{target}");
        }
        assert_eq!(of(&Method::OPTIONS, "*"), Door::Through);
        assert_eq!(of(&Method::GET, "http://other/path"), Door::Through);
    }

    #[test]
    fn what_has_no_path_goes_nowhere() {
        assert_eq!(of(&Method::CONNECT, "host:443"), Door::Nowhere);
        assert_eq!(of(&Method::GET, "host:443"), Door::Nowhere);
    }
}
