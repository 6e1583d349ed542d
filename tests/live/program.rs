//! The command line where nothing runs: checks, refusals, version, help.

use std::process::Command;

use crate::letters::ANSWERING;
use crate::live::Live;
use crate::sip::Agent;
use crate::support::{Folder, SLUICE, address, refused, sluice};

#[test]
fn a_check_prints_sockets_and_aliases() {
    let folder = Folder::new();
    let text = format!(
        "socket=udp:127.0.0.1:5070\nlisten=udp:[::1]:5071\nalias=\"udp:example.org:5060\"\n\
         {ANSWERING}"
    );
    let script = folder.write("test.cfg", &text);
    let expected = "Listening on\n             udp:127.0.0.1:5070\n             udp:[::1]:5071\n\
                    Aliases:\n             example.org:5060\nconfig file ok, exiting...\n";
    for (args, input) in [
        (["-c", "-f", &script], ""),
        (["-C", "-f", &script], ""),
        (["-C", "-f", "-"], text.as_str()),
    ] {
        let ended = sluice(&args, input);
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), expected), "{}", ended.err);
    }
    let given = sluice(&["-C", "-l", "127.0.0.1:5080", "-l", "udp:[::1]", "-f", &script], "");
    let expected = "Listening on\n             udp:127.0.0.1:5080\n             udp:[::1]:5060\n\
                    Aliases:\n             example.org:5060\nconfig file ok, exiting...\n";
    assert_eq!(given.out, expected, "-l replaces the script's sockets");
    let everywhere = sluice(&["-C", "-f", "-"], ANSWERING).out;
    assert!(everywhere.contains(" udp:127.0.0.1:5060\n"), "{everywhere}");
}

#[test]
fn a_bad_script_is_refused_with_its_place() {
    let folder = Folder::new();
    let script = folder.write("bad.cfg", "route {\n    foo();\n}\n");
    for letter in ["-D", "-c", "-C"] {
        let err = refused(&[letter, "-f", &script], "");
        assert!(err.contains(&format!("{script}:2:5: error: unknown command foo")), "{err}");
        assert!(err.contains("2 |     foo();\n  |     ^^^"), "{err}");
        assert!(err.contains("bad config file (1 error)"), "{err}");
    }
    assert!(refused(&["-f", "-"], "route { foo(); }").contains("stdin:1:9: error"));
    let none = folder.path("none.cfg");
    assert!(refused(&["-f", &none], "").contains(&none));
}

#[test]
fn what_a_script_names_and_is_not_there_is_refused_with_its_line() {
    let folder = Folder::new();
    let text = "loadmodule \"dispatcher\"\n\
                modparam(\"dispatcher\", \"list_file\", \"none.list\")\nroute { forward(); }\n";
    let script = folder.write("test.cfg", text);
    let listen = format!("{}", address());
    let err = refused(&["-f", &script, "-l", &listen], "");
    let told = "error: dispatcher: none.list: No such file or directory (os error 2)";
    let line = "2 | modparam(\"dispatcher\", \"list_file\", \"none.list\")";
    let caret = format!("  | {}^^^^^^^^^^^", " ".repeat(36));
    let told = format!(
        "{script}:2:37: {told} [module-refused]\n{line}\n{caret}\nbad config file (1 error)\n"
    );
    assert!(err.ends_with(&told), "{err}");
}

#[test]
fn a_taken_port_is_named() {
    let holder = Agent::new();
    let listen = holder.address().to_string();
    let err = refused(&["-f", "-", "-l", &listen], ANSWERING);
    assert_eq!(err, format!("sluice: address already in use: {listen}\n"));
    let gateway = Live::start(ANSWERING, 1);
    let listen = gateway.address.to_string();
    let err = refused(&["-f", "-", "-l", &listen], ANSWERING);
    assert_eq!(err, format!("sluice: address already in use: {listen}\n"), "nor a second one");
}

#[test]
fn version_and_help() {
    let version = sluice(&["-V"], "");
    assert_eq!(version.out, format!("sluice {}\n", env!("CARGO_PKG_VERSION")));
    let help = sluice(&["-h"], "");
    assert_eq!((version.code, help.code), (Some(0), Some(0)));
    for letter in "fcClnDEFdvrRVhPGwugtbpmM".chars() {
        let line = |line: &str| line.trim_start().starts_with(&format!("-{letter}"));
        assert!(help.out.lines().any(line), "no -{letter} in: {}", help.out);
    }
    for tool in ["demo", "load", "doc", "mi"] {
        assert!(help.out.contains(&format!("\n  {tool} ")), "no {tool} in: {}", help.out);
    }
    for tool in ["demo", "load uac", "doc", "db create", "mi", "user add", "plan"] {
        for letters in ["-h", "--help"] {
            let args: Vec<&str> = tool.split(' ').chain([letters]).collect();
            let help = sluice(&args, "");
            let usage = format!("\nUsage: sluice {} ", args[0]);
            assert!(help.code == Some(0) && help.out.contains(&usage), "{args:?}: {help:?}");
        }
    }
}

#[test]
fn doc_prints_what_a_module_has() {
    let ended = sluice(&["doc", "dispatcher"], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["ds_select_dst", "list_file", "ds_list"] {
        assert!(ended.out.contains(name), "no {name} in: {}", ended.out);
    }
    assert!(ended.out.contains("\n  in releases of OpenSIPS: 1.4 -\n"), "{}", ended.out);
    assert!(refused(&["doc", "nothing"], "").contains("nothing"));
}

#[test]
fn doc_tells_what_becomes_of_a_module_that_is_not_built() {
    for (name, told) in [
        ("drouting", "drouting: not built yet, comes later\n  in releases of OpenSIPS: 1.5 -\n"),
        (
            "flatstore",
            "db_flatstore: not built yet, comes later\n  also loaded as flatstore\n  \
             in releases of OpenSIPS: 1.4 -\n",
        ),
        (
            "python",
            "python: not ours, will not be built: no other language runs in the workers\n  \
             in releases of OpenSIPS: 1.7 -\n",
        ),
        (
            "memcached",
            "memcached: merged: cachedb_memcached does its work\n  \
             in releases of OpenSIPS: 1.6 - 1.7\n",
        ),
    ] {
        let ended = sluice(&["doc", name], "");
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), told), "{name}");
    }
}

#[test]
fn unknown_letters_are_refused() {
    let status = Command::new(SLUICE).arg("-Z").output().unwrap();
    assert!(!status.status.success());
    assert!(String::from_utf8_lossy(&status.stderr).contains("-Z"));
}
