//! What the server accepts, and what stands in it.

use crate::server::{Server, container, object, render};
use serde_json::{Value, json};

#[test]
fn every_set_is_accepted_and_leaves_clouddriver_to_the_sidecar() {
    let server = Server::start();
    for set in ["volume", "database"] {
        let objects = server.apply(&format!("example/{set}"));
        let deployment = object(&objects, "Deployment", "spin-clouddriver");
        let sidecar = container(deployment, "ferry-sidecar");
        least_rights(sidecar);
        let clouddriver = container(deployment, "clouddriver");
        assert_eq!(
            variable(clouddriver, "SERVER_ADDRESS")["value"],
            "127.0.0.1"
        );
        assert_eq!(variable(clouddriver, "SERVER_PORT")["value"], "7012");
        assert_eq!(port(sidecar, "ferry-http"), 7002);
        let service = object(&objects, "Service", "spin-clouddriver");
        assert_eq!(service["spec"]["ports"][0]["targetPort"], 7002);
        let grpc = &object(&objects, "Service", "spin-clouddriver-grpc")["spec"]["ports"][0];
        assert_eq!(grpc["port"], 9091);
        assert_eq!(port(sidecar, grpc["targetPort"].as_str().unwrap()), 9091);
        let hidden = "/var/run/secrets/kubernetes.io/serviceaccount";
        assert_eq!(mount(sidecar, hidden)["name"], "ferry-no-token");
        assert_eq!(
            secret(deployment, sidecar, "/etc/ferry/agents"),
            "ferry-agents"
        );
        let database = variable(sidecar, "SIDECAR_DATABASE");
        let strategy = &deployment["spec"]["strategy"]["type"];
        match set {
            "volume" => {
                let file = database["value"].as_str().unwrap();
                assert!(file.starts_with("/var/lib/ferry/"), "{file}");
                assert_eq!(mount(sidecar, "/var/lib/ferry")["name"], "ferry-database");
                object(&objects, "PersistentVolumeClaim", "ferry-sidecar");
                // Two pods must not write one file.
                assert_eq!(strategy, "Recreate");
                assert_eq!(deployment["spec"]["replicas"], 1);
                let pod = &deployment["spec"]["template"]["spec"]["securityContext"];
                assert_eq!(pod["fsGroupChangePolicy"], "OnRootMismatch");
            }
            _ => {
                let url = &database["valueFrom"]["secretKeyRef"];
                assert_eq!(url, &json!({"name": "ferry-database", "key": "url"}));
                assert_eq!(strategy, "RollingUpdate");
                let file = variable(sidecar, "KUBESVC_SECRETS_KEYFILE")["value"].as_str();
                assert_eq!(file, Some("/etc/ferry/key/key"));
                assert_eq!(secret(deployment, sidecar, "/etc/ferry/key"), "ferry-key");
                let pod = &deployment["spec"]["template"]["spec"];
                let key = &one(&pod["volumes"], "name", "ferry-key")["secret"];
                // The sidecar refuses what others may read, and its user reads it by the group.
                assert_eq!(key["defaultMode"], 0o440);
                assert_eq!(
                    pod["securityContext"]["fsGroup"],
                    sidecar["securityContext"]["runAsGroup"]
                );
            }
        }
    }
    let objects = server.apply("agent");
    let deployment = object(&objects, "Deployment", "ferry-agent");
    let agent = container(deployment, "ferry-agent");
    least_rights(agent);
    assert_eq!(port(agent, "http"), 8082);
    assert_eq!(
        secret(deployment, agent, "/etc/ferry/agents"),
        "ferry-agents"
    );
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let policy = object(&objects, "NetworkPolicy", "ferry-agent");
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    assert_eq!(policy["spec"]["ingress"], Value::Null);
}

/// What is accepted would be worth nothing from a server that accepts everything.
#[test]
fn a_misspelled_field_is_refused() {
    let server = Server::start();
    let rendered = render("agent");
    let misspelled = rendered.replace("readOnlyRootFilesystem:", "readOnlyRootFileSystem:");
    assert_ne!(rendered, misspelled);
    let refused = server.apply_text(&misspelled).unwrap_err();
    assert!(refused.contains("readOnlyRootFileSystem"), "{refused}");
}

/// No user but its own, no file system to write to, nothing to gain.
fn least_rights(container: &Value) {
    let context = &container["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert!(context["runAsUser"].as_u64().unwrap() > 0);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    for probe in ["readinessProbe", "livenessProbe"] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(asked["path"], "/health", "{probe}");
        port(container, asked["port"].as_str().unwrap());
    }
}

fn one<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let found = list
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one[key] == value);
    found.unwrap_or_else(|| panic!("no {key} is {value}: {list}"))
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    one(&container["env"], "name", name)
}

fn mount<'a>(container: &'a Value, path: &str) -> &'a Value {
    one(&container["volumeMounts"], "mountPath", path)
}

/// The Secret that is mounted there.
fn secret<'a>(deployment: &'a Value, container: &'a Value, path: &str) -> &'a Value {
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    let volume = mount(container, path)["name"].as_str().unwrap();
    &one(volumes, "name", volume)["secret"]["secretName"]
}

fn port(container: &Value, name: &str) -> u64 {
    one(&container["ports"], "name", name)["containerPort"]
        .as_u64()
        .unwrap()
}
