//! The command line as administrators and their scripts know it: what is printed, what is refused, and the
//! exit codes.

use crate::scratch::Scratch;

#[test]
fn init_makes_a_server_that_can_be_administered() {
    let scratch = Scratch::empty();
    let data = scratch.path("data").display().to_string();
    let arguments = [
        "init",
        "--hostname",
        "mail.example.test",
        "--data-dir",
        &data,
    ];
    let account = ["--account", "alice@example.test", "--password-stdin"];
    let run = scratch.run_with("testpass\n", &[&arguments[..], &account].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!run.out.contains("testpass"));
    assert_eq!(
        scratch.json(&["domain", "list"])[0]["domain"],
        "example.test"
    );
    assert_eq!(
        scratch.json(&["account", "show", "alice@example.test"])["address"],
        "alice@example.test"
    );
    assert_eq!(scratch.run(&["config", "check"]).code, 0);
    assert_eq!(scratch.run(&["check"]).out, "The store is in order.\n");
}

#[test]
fn init_closes_the_data_directory_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::empty();
    let data = scratch.path("a \"quoted\" place/data");
    let path = data.display().to_string();
    let run = scratch.run(&[
        "init",
        "--hostname",
        "mail.example.test",
        "--data-dir",
        &path,
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    let mode = |dir: &std::path::Path| {
        let metadata = std::fs::metadata(dir).expect("a directory");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&data), 0o700);
    assert_ne!(mode(data.parent().expect("a parent")), 0o700);
}

#[test]
fn init_changes_nothing_that_is_there() {
    let scratch = Scratch::with_domain();
    let before = std::fs::read(scratch.path("pennyblack.toml")).expect("a file");
    let run = scratch.run(&[
        "init",
        "--hostname",
        "other.example.test",
        "--data-dir",
        "/nowhere",
    ]);
    assert_eq!(run.code, 4, "{}", run.err);
    assert_eq!(
        std::fs::read(scratch.path("pennyblack.toml")).expect("a file"),
        before
    );
}

#[test]
fn init_makes_the_store_of_a_configuration_written_by_hand() {
    let scratch = Scratch::empty();
    let text = format!(
        "hostname = \"mail.example.test\"\ndata_dir = {:?}\n",
        scratch.path("data")
    );
    std::fs::write(scratch.path("pennyblack.toml"), &text).expect("written");
    assert_eq!(
        scratch.run(&["domain", "list"]).code,
        6,
        "there is no store yet"
    );
    assert_eq!(scratch.run(&["init", "--domain", "example.test"]).code, 0);
    assert_eq!(
        std::fs::read_to_string(scratch.path("pennyblack.toml")).expect("a file"),
        text
    );
    assert_eq!(
        scratch.json(&["domain", "show", "example.test"])["addresses"],
        0
    );
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let scratch = Scratch::with_alice();
    let table: &[(i32, &[&str])] = &[
        (0, &["account", "list"]),
        (2, &["account", "frobnicate"]),
        (
            2,
            &[
                "account",
                "add",
                "carol@example.test",
                "--password",
                "secret",
            ],
        ),
        (1, &["account", "add", "no-address", "--generate"]),
        (1, &["account", "add", "carol@example.test"]),
        (3, &["account", "show", "nobody@example.test"]),
        (3, &["account", "add", "carol@elsewhere.test", "--generate"]),
        (3, &["domain", "show", "elsewhere.test"]),
        (3, &["alias", "remove", "info@example.test"]),
        (
            3,
            &["app-password", "remove", "alice@example.test", "phone"],
        ),
        (
            3,
            &[
                "mailbox",
                "remove",
                "alice@example.test",
                "Nowhere",
                "--yes",
            ],
        ),
        (3, &["message", "show", "alice@example.test", "1"]),
        (3, &["queue", "show", "0000000000000"]),
        (3, &["alias", "remove", "@example.test"]),
        (4, &["domain", "add", "EXAMPLE.test"]),
        (4, &["domain", "remove", "example.test", "--yes"]),
        (4, &["account", "add", "alice@example.test", "--generate"]),
        (4, &["mailbox", "create", "alice@example.test", "Drafts"]),
        (
            4,
            &["mailbox", "remove", "alice@example.test", "INBOX", "--yes"],
        ),
        (7, &["account", "remove", "alice@example.test"]),
        (7, &["mailbox", "remove", "alice@example.test", "Drafts"]),
        (7, &["domain", "remove", "example.test"]),
    ];
    for (code, arguments) in table {
        let run = scratch.run(arguments);
        assert_eq!(run.code, *code, "{arguments:?}: {}{}", run.out, run.err);
        assert_eq!(
            run.code == 0,
            run.err.is_empty(),
            "{arguments:?}: {}",
            run.err
        );
    }
}

#[test]
fn a_wrong_configuration_is_told_with_line_and_column() {
    let scratch = Scratch::empty();
    assert_eq!(scratch.run(&["config", "check"]).code, 5);
    std::fs::write(
        scratch.path("pennyblack.toml"),
        "hostname = 7\nfrobnicate = true\n",
    )
    .expect("written");
    let run = scratch.run(&["config", "check"]);
    assert_eq!(run.code, 5);
    assert!(
        run.err.contains("pennyblack.toml:1:") && run.err.contains("pennyblack.toml:2:"),
        "{}",
        run.err
    );
}

#[test]
fn a_certificate_that_is_not_there_is_a_fault_of_the_configuration() {
    let scratch = Scratch::with_domain();
    let file = scratch.path("pennyblack.toml");
    let text = "hostname = \"mail.example.test\"\ndata_dir = \"data\"\n\
        [tls]\ncertificates = [{ chain = \"no.pem\", key = \"no.key\" }]\n";
    std::fs::write(&file, text).expect("written");
    let run = scratch.run(&["config", "check"]);
    assert_eq!(run.code, 5);
    assert!(run.err.contains("no.pem"), "{}", run.err);
}

#[test]
fn files_that_the_configuration_names_are_looked_at() {
    let scratch = Scratch::with_domain();
    let check = |more: &str| {
        let text = format!(
            "hostname = \"mail.example.test\"\ndata_dir = \"data\"\n[dns]\nservers = [\"127.0.0.1:9\"]\ntimeout_seconds = 1\n{more}"
        );
        std::fs::write(scratch.path("pennyblack.toml"), text).expect("written");
        scratch.run(&["config", "check"])
    };
    let host =
        "[relay]\nsmart_host = { host = \"a.test\", user = \"us\", password_file = \"pw\" }\n";
    let run = check(host);
    assert_eq!(run.code, 5);
    assert!(run.err.contains("pw: No such file"), "{}", run.err);
    std::fs::write(scratch.path("pw"), "\nsecret\n").expect("written");
    let run = check(host);
    assert!(run.err.contains("first line is empty"), "{}", run.err);
    std::fs::write(scratch.path("pw"), "secret\n").expect("written");
    let run = check(host);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let run = check("[relay]\nca_file = \"none.pem\"\n");
    assert!(run.code == 5 && run.err.contains("none.pem"), "{}", run.err);
    let run = check("trust_anchor = \"none.key\"\n");
    assert!(run.code == 5 && run.err.contains("none.key"), "{}", run.err);
}

#[test]
fn errors_are_json_for_those_who_want_json() {
    let scratch = Scratch::with_domain();
    let run = scratch.run(&["account", "show", "nobody@example.test", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&run.err).expect("JSON");
    assert_eq!(error["kind"], "not_found");
    assert!(run.out.is_empty());
}

#[test]
fn a_generated_password_is_shown_once_and_never_again() {
    let scratch = Scratch::with_alice();
    let added = scratch.json(&["app-password", "add", "alice@example.test", "phone"]);
    let password = added["password"].as_str().expect("a password").to_owned();
    assert!(password.len() > 20);
    let listed = scratch
        .run(&["app-password", "list", "alice@example.test"])
        .out;
    assert!(
        listed.contains("phone") && !listed.contains(&password),
        "{listed}"
    );
    assert_eq!(
        scratch
            .run(&["app-password", "remove", "alice@example.test", "phone"])
            .code,
        0
    );
    assert_eq!(
        scratch.json(&["app-password", "list", "alice@example.test"]),
        serde_json::json!([])
    );
}

#[test]
fn a_password_that_no_client_can_send_is_refused() {
    let scratch = Scratch::with_alice();
    let set = [
        "account",
        "password",
        "alice@example.test",
        "--password-stdin",
    ];
    for password in ["", "\n", "tab\tin it\n", &("x".repeat(5000) + "\n")] {
        assert_eq!(scratch.run_with(password, &set).code, 1);
    }
    assert_eq!(scratch.run_with("  spaces and ümlauts  \n", &set).code, 0);
}

#[test]
fn account_properties_can_be_changed() {
    let scratch = Scratch::with_alice();
    let alice = "alice@example.test";
    assert_eq!(
        scratch.json(&[
            "account",
            "quota",
            alice,
            "--octets",
            "2G",
            "--messages",
            "10"
        ])["quota_octets"],
        2_u64 << 30
    );
    let quota = scratch.json(&["account", "quota", alice, "--messages", "none"]);
    assert_eq!(
        (&quota["quota_octets"], &quota["quota_messages"]),
        (&(2_u64 << 30).into(), &serde_json::Value::Null)
    );
    assert_eq!(
        scratch.json(&["account", "disable", alice])["disabled"],
        true
    );
    assert_eq!(
        scratch.json(&["account", "enable", alice])["disabled"],
        false
    );
    scratch.json(&["account", "address", "add", alice, "a.liddell@example.test"]);
    assert_eq!(
        scratch.json(&["account", "show", "a.liddell@example.test"])["address"],
        alice
    );
    scratch.json(&[
        "account",
        "address",
        "remove",
        alice,
        "a.liddell@example.test",
    ]);
    assert_eq!(
        scratch
            .run(&["account", "show", "a.liddell@example.test"])
            .code,
        3
    );
    assert_eq!(
        scratch
            .run(&["account", "address", "remove", alice, alice])
            .code,
        4,
        "its main address stays"
    );
}

#[test]
fn aliases_and_catch_alls_are_listed_together() {
    let scratch = Scratch::with_alice();
    scratch.json(&[
        "alias",
        "add",
        "info@example.test",
        "alice@example.test",
        "carol@elsewhere.test",
    ]);
    scratch.json(&["alias", "add", "@example.test", "alice@example.test"]);
    let listed = scratch.json(&["alias", "list"]);
    assert_eq!(
        listed[0]["targets"],
        serde_json::json!(["alice@example.test", "carol@elsewhere.test"])
    );
    assert_eq!(listed[1]["address"], "@example.test");
    scratch.json(&["alias", "remove", "info@example.test"]);
    scratch.json(&["alias", "remove", "@example.test"]);
    assert_eq!(scratch.json(&["alias", "list"]), serde_json::json!([]));
}

#[test]
fn mailboxes_can_be_made_renamed_and_removed() {
    let scratch = Scratch::with_alice();
    let names = || -> Vec<String> {
        let listed = scratch.json(&["mailbox", "list", "alice@example.test"]);
        let name =
            |mailbox: &serde_json::Value| mailbox["name"].as_str().expect("a name").to_owned();
        listed
            .as_array()
            .expect("a list")
            .iter()
            .map(name)
            .collect()
    };
    let initial = names();
    assert_eq!(
        initial,
        ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    );
    scratch.json(&["mailbox", "create", "alice@example.test", "Work/Bücher"]);
    scratch.json(&["mailbox", "rename", "alice@example.test", "Work", "Labour"]);
    assert!(names().contains(&"Labour/Bücher".to_owned()));
    scratch.json(&[
        "mailbox",
        "remove",
        "alice@example.test",
        "Labour/Bücher",
        "--yes",
    ]);
    scratch.json(&["mailbox", "remove", "alice@example.test", "Labour", "--yes"]);
    assert_eq!(names(), initial);
}

#[test]
fn removing_an_account_takes_its_mail_and_leaves_the_store_in_order() {
    let scratch = Scratch::with_alice();
    scratch.json(&["account", "remove", "alice@example.test", "--yes"]);
    assert_eq!(scratch.json(&["account", "list"]), serde_json::json!([]));
    assert_eq!(scratch.run(&["check"]).code, 0);
    scratch.json(&["domain", "remove", "example.test", "--yes"]);
    assert_eq!(scratch.json(&["domain", "list"]), serde_json::json!([]));
}

#[test]
fn an_alias_that_may_not_be_meant_is_warned_of() {
    let scratch = Scratch::with_alice();
    let warnings = |targets: &[&str]| -> Vec<String> {
        let made = scratch.json(&[&["alias", "add"], targets].concat());
        serde_json::from_value(made["warnings"].clone()).expect("texts")
    };
    let alice = "alice@example.test";
    assert!(warnings(&["team@example.test", alice, "x@elsewhere.test"]).is_empty());
    let unknown = warnings(&["info@example.test", "nobody@example.test"]);
    assert!(unknown[0].contains("no nobody@example.test here"));
    warnings(&["b@example.test", "a@example.test"]);
    let round = warnings(&["a@example.test", "b@example.test"]);
    assert!(round[0].contains("leads back"), "{round:?}");
    let diverted = warnings(&[alice, "x@elsewhere.test"]);
    assert!(diverted[0].contains("gets no mail"), "{diverted:?}");
    assert!(warnings(&[alice, alice]).is_empty(), "a copy is kept");
}

#[test]
fn what_is_not_there_comes_with_the_place_to_look() {
    let scratch = Scratch::with_alice();
    let alice = "alice@example.test";
    let table: &[(&[&str], &str)] = &[
        (&["account", "add", "a@b.test", "--generate"], "domain add"),
        (&["alias", "remove", "info@example.test"], "alias list"),
        (&["app-password", "remove", alice, "x"], "app-password list"),
        (&["message", "list", alice, "Nowhere"], "mailbox list"),
        (&["report", "show", "1"], "report list"),
        (&["queue", "show", "0000000000000"], "mailctl trace"),
        (&["queue", "show", "what"], "queue list"),
    ];
    for (arguments, next) in table {
        let run = scratch.run(arguments);
        assert_eq!(run.code, 3, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(next), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn a_mailbox_with_others_beneath_it_leaves_its_name() {
    let scratch = Scratch::with_alice();
    let alice = "alice@example.test";
    scratch.json(&["mailbox", "create", alice, "A/B"]);
    let run = scratch.run(&["mailbox", "remove", alice, "A", "--yes"]);
    assert!(run.out.contains("name stays"), "{}", run.out);
    let run = scratch.run(&["mailbox", "remove", alice, "A/B", "--yes"]);
    assert!(!run.out.contains("name stays"), "{}", run.out);
}

#[test]
fn keys_are_made_published_and_take_turns_without_being_shown() {
    let scratch = Scratch::with_domain();
    let made = scratch.json(&["dkim", "create", "example.test"]);
    let records: Vec<String> = (0..2).map(|at| made[at]["record"].to_string()).collect();
    assert!(records[0].contains("v=DKIM1; k=rsa; p=MIIB"));
    assert!(records[1].contains("v=DKIM1; k=ed25519; p="));
    let strings = made[0]["strings"].as_str().expect("a text");
    assert!(strings.starts_with('"') && strings.contains("\" \""));
    assert_eq!(scratch.run(&["dkim", "create", "example.test"]).code, 4);
    assert_eq!(scratch.run(&["dkim", "create", "other.test"]).code, 3);

    assert_eq!(scratch.run(&["dkim", "rotate", "example.test"]).code, 0);
    let states = |scratch: &Scratch| -> Vec<String> {
        let keys = scratch.json(&["dkim", "list"]);
        let keys = keys.as_array().expect("keys").iter();
        keys.map(|key| key["state"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(states(&scratch), ["signing", "signing", "next", "next"]);
    // Nobody serves these keys: it is asked whether they shall sign.
    assert_eq!(scratch.run(&["dkim", "rotate", "example.test"]).code, 7);
    assert_eq!(states(&scratch), ["signing", "signing", "next", "next"]);
    let rotate = ["dkim", "rotate", "example.test", "--yes"];
    assert_eq!(scratch.run(&rotate).code, 0);
    assert_eq!(
        states(&scratch),
        ["retired", "retired", "signing", "signing"]
    );

    let old = made[0]["selector"].as_str().expect("a text");
    let remove = ["dkim", "remove", "example.test", old, "--yes"];
    assert_eq!(scratch.run(&remove).code, 0);
    let shown = scratch.run(&["dkim", "show", "example.test"]);
    assert!(
        shown
            .out
            .contains("._domainkey.example.test. IN TXT \"v=DKIM1;")
    );
    assert!(!shown.out.contains("PRIVATE"));
}

#[test]
fn a_store_that_another_version_has_open_is_refused_until_it_is_closed() {
    let scratch = Scratch::with_domain();
    // What a process of another version does: it says which, and holds a lock as long as it runs.
    let path = scratch.path("data").join("locks").join("version");
    std::fs::write(&path, "0.0.1-other").expect("a file");
    let running = std::fs::File::open(&path).expect("a file");
    running.lock_shared().expect("a lock");
    let run = scratch.run(&["domain", "list"]);
    assert_eq!(run.code, 6, "{}", run.err);
    assert!(
        run.err.contains("version 0.0.1-other") && run.err.contains("stop the running daemons"),
        "{}",
        run.err
    );
    drop(running);
    assert_eq!(scratch.run(&["domain", "list"]).code, 0);
    let version = std::fs::read_to_string(&path).expect("a file");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
