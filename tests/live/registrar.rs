//! Users register with a password and calls find them: the program, a table of users, and the load
//! generator as their telephones.

use std::process::Command;

use crate::registrar_seed::example;
use crate::support::{Ended, Folder, Running, address, ports, sluice};

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
        Command::new(env!("CARGO_BIN_EXE_sluice")).args(["load", "uas", &phones]),
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

/// Runs SIPp to the end of one call.
fn sipp(folder: &Folder, scenario: &str, more: &[&str]) -> Running {
    let mut command = Command::new("sipp");
    command.args(["-sf", scenario, "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "20"]);
    let media = ports(4).to_string();
    command.args(["-mp", &media]).args(more).current_dir(folder.path("")).env("TERM", "dumb");
    Running::spawn(&mut command, "")
}

fn ends_well(scenario: Running) {
    let ended = scenario.wait();
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}

#[test]
fn the_example_registers_and_calls_with_sipp() {
    let folder = Folder::new();
    let at = example(&folder).to_string();
    let script = folder.path("opensips.cfg");
    let gateway = Running::gateway(&["-f", &script, "-n", "2"]);
    let (alice, bob) = (address().port().to_string(), address().port().to_string());
    let who = ["-s", "alice", "-au", "alice"];
    let wrong = [&who[..], &["-ap", "Secret", "-p", &alice, &at]].concat();
    assert_ne!(sipp(&folder, "register.xml", &wrong).wait().code, Some(0), "the password");
    let right = [&who[..], &["-ap", "secret", "-p", &alice, &at]].concat();
    ends_well(sipp(&folder, "register.xml", &right));
    for called in ["alice", "operator"] {
        let answer = sipp(&folder, "answer.xml", &["-p", &alice]);
        std::thread::sleep(std::time::Duration::from_millis(300));
        ends_well(sipp(&folder, "call.xml", &["-s", called, "-p", &bob, &at]));
        ends_well(answer);
    }
    // Contacts are in the table when the program has ended.
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code, Some(0));
    let table = std::fs::read_to_string(folder.path("db/location")).unwrap();
    let row = format!("alice::sip\\:alice@127.0.0.1\\:{alice}:");
    assert!(table.contains(&row), "{table}");
    let again = Running::gateway(&["-f", &script, "-n", "2"]);
    again.await_error("location: 1 contacts are back");
}
