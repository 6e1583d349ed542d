//! Users register with a password and calls find them: the program, a table of users, and the load
//! generator as their telephones.

use crate::support::{Ended, Folder, Running, address, sluice};

const USERS: u32 = 40;

const SCRIPT: &str = "loadmodule \"db_text.so\"\nloadmodule \"sl.so\"\nloadmodule \"tm.so\"\n\
    loadmodule \"rr.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n\
    loadmodule \"auth.so\"\nloadmodule \"auth_db.so\"\n\
    modparam(\"auth_db\", \"db_url\", \"text://users\")\n\
    modparam(\"auth_db\", \"calculate_ha1\", 1)\n\
    modparam(\"auth_db\", \"password_column\", \"password\")\n\
    route {\n\
        if (loose_route()) { t_relay(); exit; }\n\
        if ($rm == \"REGISTER\") {\n\
            if (!www_authorize(\"\", \"subscriber\")) { www_challenge(\"\", \"CHALLENGE\"); exit; }\n\
            save(\"location\"); exit;\n\
        }\n\
        if (!lookup(\"location\")) { sl_send_reply(404, \"Not Found\"); exit; }\n\
        record_route(); t_relay();\n\
    }\n";

/// A gateway whose challenges offer this.
fn gateway(folder: &Folder, challenge: &str) -> (Running, String) {
    std::fs::create_dir(folder.path("users")).unwrap();
    let rows = (0..USERS).map(|n| format!("callee{n:06}:example.org:secret\n"));
    let table = "username(str) domain(str) password(str)\n".to_owned() + &rows.collect::<String>();
    folder.write("users/subscriber", &table);
    let script = SCRIPT.replace("\"CHALLENGE\"", challenge);
    let script = folder.write("test.cfg", &script);
    let at = address().to_string();
    (Running::gateway(&["-f", &script, "-l", &at, "-n", "2"]), at)
}

fn load(what: &str, at: &str, more: &[&str]) -> Ended {
    let users = USERS.to_string();
    let all = ["load", what, at, "--users", &users, "--domain", "example.org", "--rate", "400"];
    sluice(&[&all, more].concat(), "")
}

#[test]
fn registered_users_are_called() {
    let folder = Folder::new();
    let (_gateway, at) = gateway(&folder, "\"auth\"");
    let phones = address().to_string();
    let _phones = Running::spawn(
        std::process::Command::new(env!("CARGO_BIN_EXE_sluice")).args(["load", "uas", &phones]),
        "",
    );
    let none = load("lookup", &at, &[]);
    assert_eq!(none.code, Some(1), "{}", none.out);
    let with = ["--password", "secret", "--contact", &phones];
    let registered = load("register", &at, &with);
    let expected = format!("0 registered at once, {USERS} after a challenge, 0 refused after it");
    assert!(registered.out.contains(&expected), "{}{}", registered.out, registered.err);
    assert_eq!(registered.code, Some(0), "{}", registered.out);
    let called = load("lookup", &at, &["--seed", "2", "--timeout-ms", "10000"]);
    let expected = format!("{USERS} calls ended, 0 BYE refused");
    assert!(called.out.contains(&expected), "{}{}", called.out, called.err);
}

#[test]
fn by_the_newer_algorithms_and_not_with_another_password() {
    for challenge in
        ["\"auth\", \"SHA-512-256,SHA-256,MD5\"", "\"\"", "\"auth-int,auth\", \"MD5-sess\""]
    {
        let folder = Folder::new();
        let (_gateway, at) = gateway(&folder, challenge);
        let wrong = load("register", &at, &["--password", "Secret"]);
        let expected = format!("0 registered at once, 0 after a challenge, {USERS} refused");
        assert!(wrong.out.contains(&expected) && wrong.code == Some(1), "{}", wrong.out);
        let right = load("register", &at, &["--password", "secret", "--seed", "2"]);
        assert_eq!(right.code, Some(0), "{challenge}: {}{}", right.out, right.err);
    }
}
