//! The OpenAPI document: every answer that a place gives is held to it, and of each answer that it
//! names there has to be one in `golden/`.

use ferry_tests::Answer;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

/// One method of one path.
pub struct Operation {
    pub method: String,
    /// With `{…}` for what a request fills in.
    pub path: String,
    answers: BTreeMap<u16, Option<Validator>>,
}

/// Answers that no golden file has, and what shows them instead.
const ELSEWHERE: &[(u16, &str, &str)] = &[
    (
        200,
        "GET /armory/openapi.json",
        "docs/openapi.json is the answer: ferry_core::api::openapi",
    ),
    (
        409,
        "POST /armory/agent/assignments",
        "two at once with one key are a matter of time: ferry_core::api::tests::repeat",
    ),
    (
        409,
        "POST /armory/agent/{agentId}/disconnect",
        "two at once with one key are a matter of time: ferry_core::api::tests::repeat",
    ),
];

impl Operation {
    /// A path of it that nothing is at.
    pub fn path_to_nothing(&self) -> String {
        let segments = self.path.split('/');
        let filled = segments.map(|it| if it.starts_with('{') { "nothing" } else { it });
        filled.collect::<Vec<_>>().join("/")
    }

    /// Whether this status is documented.
    pub fn answers(&self, status: u16) -> bool {
        self.answers.contains_key(&status)
    }

    /// Whether it changes something, so that an Idempotency-Key counts.
    pub fn is_write(&self) -> bool {
        self.answers(422)
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let mut given = path.split('/');
        let mut parts = self.path.split('/');
        let alike = parts.all(|part| {
            let given = given.next();
            given == Some(part) || part.starts_with('{') && given.is_some_and(|it| !it.is_empty())
        });
        alike && given.next().is_none() && self.method == method
    }
}

/// All that is documented.
pub fn operations() -> &'static [Operation] {
    static OPERATIONS: OnceLock<Vec<Operation>> = OnceLock::new();
    OPERATIONS.get_or_init(|| {
        let document: Value = serde_json::from_str(&ferry_core::openapi()).unwrap();
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap().iter();
                let answers = answers.map(|(status, answer)| {
                    let status = status.parse().unwrap();
                    let schema = validator(status, answer, &document["components"]);
                    (status, schema)
                });
                operations.push(Operation {
                    method: method.to_ascii_uppercase(),
                    path: path.clone(),
                    answers: answers.collect(),
                });
            }
        }
        operations
    })
}

fn validator(status: u16, answer: &Value, components: &Value) -> Option<Validator> {
    let schema = match answer["content"].as_object() {
        Some(media) => media.values().next().unwrap()["schema"]["$ref"].clone(),
        // It may have a body, of this schema: the document says so in words.
        None if status == 202 => json!("#/components/schemas/Accepted"),
        None => return None,
    };
    let schema = json!({"$ref": schema, "components": components});
    Some(jsonschema::validator_for(&schema).unwrap())
}

/// The operation that a request asks for: of several the one with the fewest `{…}`.
fn asked(method: &str, target: &str) -> Option<&'static Operation> {
    let path = target.split('?').next().unwrap();
    let fitting = operations().iter().filter(|it| it.fits(method, path));
    fitting.min_by_key(|it| it.path.matches('{').count())
}

/// Holds an answer to what is documented of it.
///
/// # Panics
/// When it is another one.
pub fn holds(method: &str, target: &str, answer: &Answer) {
    let Some(operation) = asked(method, target) else {
        return;
    };
    let Answer { status, body, .. } = answer;
    let documented = operation.answers.get(status);
    let documented = documented
        .unwrap_or_else(|| panic!("{method} {target}: {status} is not documented: {body}"));
    let Some(schema) = documented else {
        assert_eq!(body, "", "{method} {target}: {status} has no body");
        return;
    };
    for value in serde_json::Deserializer::from_str(body).into_iter::<Value>() {
        let value = value.unwrap();
        let faults: Vec<String> = schema
            .iter_errors(&value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{method} {target}: {faults:?}: {body}");
    }
}

/// A fuzzer finds what is behind a path only where it is shown the path.
#[test]
fn each_operation_is_among_the_seeds_of_the_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/api");
    let seeds = std::fs::read_dir(folder).unwrap();
    let seeds = seeds.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let seeded: BTreeSet<String> = seeds
        .filter_map(|seed| {
            let (method, target) = seed.lines().next()?.split_once(' ')?;
            Some(format!("{method} {}", asked(method, target)?.path))
        })
        .collect();
    for operation in operations() {
        let of = format!("{} {}", operation.method, operation.path);
        assert!(seeded.contains(&of), "{of}");
    }
}

/// Status and operation of every request that the golden files have.
fn shown() -> BTreeSet<(u16, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/golden");
    let mut shown = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for talk in text.split("\n----\n\n") {
            let (method, target) = talk.lines().next().unwrap().split_once(' ').unwrap();
            let status = talk.lines().find_map(|line| {
                let digits = line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| line.parse().unwrap())
            });
            if let Some(operation) = asked(method, target) {
                let of = format!("{method} {}", operation.path);
                shown.insert((status.unwrap(), of));
            }
        }
    }
    shown
}

#[test]
fn each_answer_that_is_documented_is_in_a_golden_file() {
    let shown = shown();
    let elsewhere = |(status, of): &(u16, String)| {
        let listed = |(code, operation, _): &&(u16, &str, &str)| code == status && operation == of;
        ELSEWHERE.iter().any(|it| listed(&it))
    };
    let documented = operations().iter().flat_map(|operation| {
        let of = format!("{} {}", operation.method, operation.path);
        let statuses = operation.answers.keys();
        statuses.map(move |status| (*status, of.clone()))
    });
    let documented: BTreeSet<(u16, String)> = documented.collect();
    let missing: Vec<_> = documented
        .difference(&shown)
        .filter(|it| !elsewhere(it))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for (status, operation, _) in ELSEWHERE {
        let listed = (*status, (*operation).to_owned());
        assert!(
            documented.contains(&listed) && !shown.contains(&listed),
            "{listed:?}"
        );
    }
}
