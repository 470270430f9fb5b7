use super::check;

const VALID: &str = "
default_api: openai
apis:
  openai:
    base_url: https://api.openai.com
    allowed_endpoints: [/v1/chat/completions, /v1/models]
    allowed_methods: [GET, POST]
    timeouts: {request: 120s, flush_interval: 10ms}
    connection: {max_idle_conns: 100}
    param_whitelist: {model: [gpt-4o, 'o*']}
    something_new: {the: [application, ignores]}
";

fn problems(text: &str) -> Vec<String> {
    check(text).problems.iter().map(ToString::to_string).collect()
}

fn warnings(text: &str) -> Vec<String> {
    check(text).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_valid_config_has_no_problems() {
    assert_eq!(problems(VALID), Vec::<String>::new());
}

#[test]
fn what_the_application_refuses_is_refused_with_place_and_path() {
    for (old, new, problem) in [
        ("base_url: https://api.openai.com", "x: y", "line 5 column 5: apis.openai.base_url is required"),
        ("https://api.openai.com", "''", "line 5 column 15: apis.openai.base_url must not be empty"),
        ("[GET, POST]", "[]", "line 7 column 22: apis.openai.allowed_methods must have at least one entry"),
        ("[GET, POST]", "GET", "line 7 column 22: apis.openai.allowed_methods must be a list of strings"),
        (
            "[/v1/chat/completions, /v1/models]",
            "[{a: b}]",
            "line 6 column 25: apis.openai.allowed_endpoints[0] must be a string",
        ),
        (
            "default_api: openai",
            "default_api: claude",
            "line 2 column 14: default_api names \"claude\", which is not among apis: openai",
        ),
        (
            "request: 120s",
            "request: 120",
            "line 8 column 25: apis.openai.timeouts.request must be a Go duration such as 120s, 10ms or 1m30s",
        ),
        (
            "max_idle_conns: 100",
            "max_idle_conns: many",
            "line 9 column 34: apis.openai.connection.max_idle_conns must be an integer",
        ),
        (
            "[gpt-4o, 'o*']",
            "gpt-4o",
            "line 10 column 30: apis.openai.param_whitelist.model must be a list of strings",
        ),
    ] {
        assert!(VALID.contains(old));
        assert_eq!(problems(&VALID.replace(old, new)), [problem]);
    }
}

#[test]
fn a_config_without_providers_is_refused() {
    for text in ["", "# nothing", "apis: {}", "apis:", "[]", "just text", "default_api: x"] {
        assert!(!problems(text).is_empty(), "{text:?} passed");
    }
}

#[test]
fn anchors_and_merge_keys_count_as_the_application_reads_them() {
    let merged = "
defaults: &defaults {allowed_endpoints: [/v1], allowed_methods: [POST]}
apis:
  a: {<<: *defaults, base_url: https://a.example}
  b: {<<: [{base_url: https://b.example}, *defaults]}
";
    assert_eq!(problems(merged), Vec::<String>::new());
    let overridden =
        merged.replace("base_url: https://a.example}", "base_url: https://a.example, allowed_methods: []}");
    assert_eq!(
        problems(&overridden),
        ["line 4 column 68: apis.a.allowed_methods must have at least one entry"]
    );
}

#[test]
fn broken_yaml_is_refused_where_it_breaks() {
    let found = problems("apis:\n  openai: [unclosed\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("is no valid YAML"), "{found:?}");
}

#[test]
fn a_name_may_be_defined_only_once() {
    let twice = problems(&VALID.replace("apis:", "default_api: openai\napis:"));
    assert_eq!(twice, ["line 3 column 1: defines \"default_api\" again, after line 2"]);
}

#[test]
fn control_characters_are_refused_and_a_byte_order_mark_is_not() {
    let found = problems("apis:\n  a\u{0}: {}\n");
    assert_eq!(found, ["line 2 column 4: is no valid YAML: U+0000 is a control character"]);
    assert_eq!(problems(&format!("\u{feff}{VALID}")), Vec::<String>::new());
}

#[test]
fn what_is_surely_a_mistake_is_warned_of_and_passes() {
    for (old, new, warning) in [
        (
            "default_api: openai",
            "default_apis: openai",
            "line 2 column 1: default_apis is a key that the application ignores: is default_api meant?",
        ),
        (
            "timeouts:",
            "timeout:",
            "line 8 column 5: apis.openai.timeout is a key that the application ignores: is timeouts meant?",
        ),
        (
            "flush_interval",
            "flush_intervall",
            "line 8 column 31: apis.openai.timeouts.flush_intervall is a key that the application ignores: is flush_interval meant?",
        ),
        (
            "https://api.openai.com",
            "api.openai.com",
            "line 5 column 15: apis.openai.base_url is no http:// or https:// URL",
        ),
        (
            "/v1/models",
            "v1/models",
            "line 6 column 47: apis.openai.allowed_endpoints \"v1/models\" does not begin with a slash, so no path matches it",
        ),
        (
            "[GET, POST]",
            "[GET, post]",
            "line 7 column 28: apis.openai.allowed_methods \"post\" is no HTTP method (they are upper case)",
        ),
    ] {
        let changed = VALID.replace(old, new).replace("something_new", "x-something_new");
        assert_eq!(problems(&changed), Vec::<String>::new());
        assert_eq!(warnings(&changed), [warning]);
    }
    let unlike = "line 11 column 5: apis.openai.something_new is a key that the application ignores";
    assert_eq!(warnings(VALID), [unlike]);
}

#[test]
fn every_problem_is_reported_at_once() {
    let found = problems("apis:\n  a: {base_url: ''}\n  b: 7\n");
    assert_eq!(found.len(), 4, "{found:?}");
}
