//! Swagger UI over the core's OpenAPI document: `/swagger/` on the admin port. Its files are in the
//! program, and no page of it asks anybody else.
//!
//! Called by `admin`. It shows and sends nothing: the API is on another port, which asks for a token.

use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

use crate::body::{Body, empty, full};

/// Where the document is, as the page asks for it.
pub(crate) const DOCUMENT: &str = "openapi.json";

/// The file of this name; the page itself when it is empty. `None`: there is none.
pub(crate) fn file(name: &str) -> Option<Response<Body>> {
    let config = Config::from(DOCUMENT)
        .validator_url("none")
        .supported_submit_methods(Vec::<String>::new());
    let file = utoipa_swagger_ui::serve(name, Arc::new(config)).ok()??;
    let mut response = Response::new(full(file.bytes.into_owned()));
    let kind = HeaderValue::from_str(&file.content_type).ok()?;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Some(response)
}

/// The page's files lie beside it, which needs the slash.
pub(crate) fn redirect() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let page = HeaderValue::from_static("/swagger/");
    response.headers_mut().insert(LOCATION, page);
    response
}
