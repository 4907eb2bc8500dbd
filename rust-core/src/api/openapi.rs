//! The OpenAPI document, made from the table of routes and the schemas beside it. Served at
//! GET /armory/openapi.json; docs/openapi.json is a copy that a test holds.

use super::parameters::{Kind, Parameter};
use super::routes::{ROUTES, Route};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The schema of answers that have a body only when it is asked for.
const OPTIONAL: &str = "Accepted";

const SCHEMAS: &str = include_str!("schemas.json");

/// The document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| route.is_public()) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("a test parses it");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ferry",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Accounts on their way out of Clouddriver into agents.",
        },
        "paths": paths,
        // Either: a sidecar asks for its token, the plugin lets Clouddriver say who asks.
        "security": [{}, {"bearer": []}],
        "components": {"schemas": schemas, "securitySchemes": {"bearer": bearer()}},
    })
}

fn bearer() -> Value {
    json!({
        "type": "http", "scheme": "bearer",
        "description": "The token of sidecar.api.token. Where a sidecar has none, it serves loopback alone; \
            the plugin takes who asks from X-SPINNAKER-USER, as Clouddriver does.",
    })
}

fn operation(route: &Route) -> Value {
    let name = format!("{:?}", route.operation);
    let mut operation = json!({
        "operationId": name[..1].to_ascii_lowercase() + &name[1..],
        "summary": route.summary,
        "responses": responses(route),
    });
    let in_path = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let schema = json!({"type": "string", "minLength": 1});
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let key = route.is_write().then(idempotency_key);
    let parameters = in_path.chain(route.query.iter().map(parameter));
    let parameters: Vec<Value> = parameters.chain(key).collect();
    if !parameters.is_empty() {
        operation["parameters"] = Value::from(parameters);
    }
    if !route.body.is_empty() {
        let content = json!({"application/json": {"schema": schema(route.body)}});
        // Alone among the bodies it says nothing that counts.
        let required = route.body != "Disconnect";
        operation["requestBody"] = json!({"required": required, "content": content});
    }
    operation
}

fn idempotency_key() -> Value {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 255});
    json!({
        "name": "Idempotency-Key", "in": "header", "schema": schema,
        "description": "The same request with the same key is answered as at first, for a day; 409 \
            while that one is still being carried out.",
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Number { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
    };
    json!({
        "name": parameter.name, "in": "query", "description": parameter.doc, "schema": schema,
    })
}

fn responses(route: &Route) -> Value {
    let refusals = route.refusals();
    let refusals = refusals.iter().map(|status| (*status, "Error"));
    let mut responses = Map::new();
    for (status, name) in route.answers.iter().copied().chain(refusals) {
        let code = StatusCode::from_u16(status).ok();
        let mut response = json!({
            "description": code.and_then(|code| code.canonical_reason()).unwrap_or_default(),
        });
        if name == OPTIONAL {
            // A document cannot say that a body may be missing.
            let said = format!("Accepted, without a body; with report=items, the schema {name}");
            response["description"] = json!(said);
        } else if !name.is_empty() {
            let media = match name {
                "JsonLines" => "application/x-ndjson",
                _ => "application/json",
            };
            response["content"] = json!({media: {"schema": schema(name)}});
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_in_docs_is_this_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            copy == made,
            "docs/openapi.json is stale: UPDATE=1 cargo test -p ferry-core openapi"
        );
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        for named in text.split("#/components/schemas/").skip(1) {
            let name = named.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
