//! The engine has no clock, no network, no randomness and nothing of the machine: whatever would
//! make one verdict differ from the next is not there.

use serde_json::json;

use crate::world::{ask, check_refused, start};

#[test]
fn what_is_not_a_function_of_the_input_is_not_there() {
    let banned = [
        "time.now_ns()",
        "time.parse_rfc3339_ns(\"2024-01-01T00:00:00Z\")",
        "time.clock(1)",
        "http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1\"})",
        "net.lookup_ip_addr(\"localhost\")",
        "net.cidr_contains(\"10.0.0.0/8\", \"10.0.0.1\")",
        "rand.intn(\"seed\", 10)",
        "uuid.rfc4122(\"seed\")",
        "uuid.parse(\"00000000-0000-0000-0000-000000000000\")",
        "opa.runtime()",
        "json.match_schema({}, {})",
        "json.verify_schema({})",
        "crypto.sha256(\"a\")",
        "io.jwt.decode(\"a\")",
        "rego.parse_module(\"a\", \"b\")",
        "regex.match(\"a\", \"a\")",
        "glob.match(\"a\", [], \"a\")",
        "yaml.unmarshal(\"a\")",
        "graph.reachable({}, [])",
        "semver.compare(\"1.0.0\", \"1.0.0\")",
        "test.sleep(\"1s\")",
    ];
    for call in banned {
        check_refused(&format!("verdict := {call}"), "policy.error");
        let verdict = ask(&start(&format!("verdict := {call}")), &json!({}));
        let text = &verdict.reasons[0].text;
        assert!(text.contains("could not find function"), "{call}: {text}");
    }
}
