//! Options of a running gateway: each letter does what OpenSIPS' users know it for.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::sip::{Agent, Request, first_line, headers, reply};
use crate::support::{Ended, Folder, Running, SLUICE, address, refused, sluice};

/// Answers everything.
pub const ANSWERING: &str = "loadmodule \"signaling.so\"\nroute { send_reply(200, \"OK\"); }\n";

/// The answering gateway with more options, and a caller.
struct Scene {
    program: Running,
    folder: Folder,
    caller: Agent,
    gateway: std::net::SocketAddr,
}

impl Scene {
    fn new(options: &[&str]) -> Self {
        Self::of(ANSWERING, options, Folder::new())
    }

    fn of(script: &str, options: &[&str], folder: Folder) -> Self {
        let gateway = address();
        let (script, listen) = (folder.write("test.cfg", script), format!("udp:{gateway}"));
        let args = [&["-f", &script, "-l", &listen], options].concat();
        let scene =
            Self { program: Running::gateway(&args), folder, caller: Agent::new(), gateway };
        assert_eq!(scene.ask(), "SIP/2.0 200 OK");
        scene
    }

    /// The first line of the answer to a request.
    fn ask(&self) -> String {
        self.caller.send(self.gateway, Request::default().text(self.caller.address()));
        first_line(&self.caller.receive()).to_owned()
    }

    fn end(self) -> Ended {
        self.program.signal("TERM");
        self.program.wait()
    }

    /// A line of the process' status.
    fn status(&self, name: &str) -> String {
        let path = format!("/proc/{}/status", self.program.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    }

    fn link(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.program.id());
        fs::read_link(path).unwrap().to_str().unwrap().to_owned()
    }
}

/// Whether the letters that need root can work; if not, they must say so.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn it_stays_in_the_foreground_and_says_so() {
    let script = format!("fork=yes\n{ANSWERING}");
    let scene = Scene::of(&script, &["-D", "-E", "-F"], Folder::new());
    let ended = scene.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("test.cfg:1:"), "{}", ended.err);
    assert!(ended.err.contains("Sluice stays in the foreground"), "{}", ended.err);
}

#[test]
fn signals_end_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let scene = Scene::new(&[]);
        scene.program.signal(signal);
        assert_eq!(scene.program.wait().code, Some(0), "{signal}");
    }
}

#[test]
fn a_run_that_waits_does_not_hold_up_the_end() {
    let script = ANSWERING.replace("route {", "route { if ($rU == \"slow\") usleep(600000000);");
    let script = format!("loadmodule \"cfgutils\"\n{script}");
    let scene = Scene::of(&script, &["-n", "1"], Folder::new());
    let slow = Request { uri: "sip:slow@example.com", call_id: "slow", ..Request::default() };
    scene.caller.send(scene.gateway, slow.text(scene.caller.address()));
    assert_eq!(scene.ask(), "SIP/2.0 200 OK", "by now the other one sleeps");
    assert_eq!(scene.end().code, Some(0));
}

#[test]
fn workers_are_at_most_one_per_cpu() {
    let ended = Scene::new(&["-n", "1"]).end();
    assert!(ended.err.contains("1 worker, listening on udp:127.0.0.1:"), "{}", ended.err);
    let script = format!("children=1\n{ANSWERING}");
    let ended = Scene::of(&script, &[], Folder::new()).end();
    assert!(ended.err.contains("1 worker, "), "as the script says: {}", ended.err);
    let cpus = sluice_net::pin::available_cpus().len();
    let ended = Scene::new(&["-n", "200"]).end();
    assert!(ended.err.contains(&format!("{cpus} worker")), "{}", ended.err);
}

#[test]
fn more_d_means_more_log() {
    let script = ANSWERING.replace("route {", "log_level=0\nroute {");
    let folder = Folder::new();
    let (path, pid, gateway) = (folder.write("test.cfg", &script), folder.path("pid"), address());
    let mut command = Command::new(SLUICE);
    command.args(["-f", &path, "-P", &pid, "-l", &format!("udp:{gateway}")]);
    let quiet = Running::spawn(&mut command, "");
    while !fs::exists(&pid).unwrap() {
        std::thread::sleep(Duration::from_millis(5));
    }
    quiet.signal("TERM");
    assert_eq!(quiet.wait().err, "");
    for letters in [&["-dd"][..], &["-d", "-d"]] {
        Scene::of(&script, letters, Folder::new()).end();
    }
}

#[test]
fn lines_of_the_script_have_a_threshold_of_their_own() {
    let script =
        ANSWERING.replace("route {", "xlog_level=4\nroute { xlog(\"L_DBG\", \"fine\\n\");");
    let told = Scene::of(&script, &[], Folder::new()).end();
    assert!(told.err.contains("DBG:script: fine"), "{}", told.err);
    let script = script.replace("=4", "=3");
    let quiet = Scene::of(&script, &["-dd"], Folder::new()).end();
    assert!(!quiet.err.contains("fine"), "{}", quiet.err);
}

#[test]
fn v_drops_replies_to_foreign_requests() {
    let script = "route { forward(); }";
    for (option, passes) in [("-E", true), ("-v", false)] {
        let folder = Folder::new();
        let gateway = address();
        let (script, listen) = (folder.write("test.cfg", script), format!("udp:{gateway}"));
        let _program = Running::gateway(&["-f", &script, "-l", &listen, "-n", "1", option]);
        let (caller, destination) = (Agent::new(), Agent::new());
        let behind = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK-behind\r\n", caller.address());
        let strange = Request { call_id: "strange", more: &behind, ..Request::default() };
        let strange = strange.with_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-strange");
        destination.send(gateway, reply(&strange, "200 OK"));
        // What comes after it shows whether it was dropped: the order of one socket is kept.
        let uri = format!("sip:{}", destination.address());
        let own = Request { call_id: "own", uri: &uri, ..Request::default() };
        caller.send(gateway, own.text(caller.address()));
        destination.answer("200 OK");
        let first = caller.receive();
        assert_eq!(first.contains("Call-ID: strange"), passes, "{option}: {first}");
    }
}

#[test]
fn an_advertised_name_stands_in_the_via_and_is_ours() {
    let folder = Folder::new();
    let script = folder.write("test.cfg", "route { forward(); }");
    let gateway = address();
    let listen = format!("udp:{gateway} as sip.example.com:5080");
    let _program = Running::gateway(&["-f", &script, "-l", &listen, "-v"]);
    let (caller, destination) = (Agent::new(), Agent::new());
    let uri = format!("sip:{}", destination.address());
    let sent = Request { uri: &uri, ..Request::default() }.text(caller.address());
    caller.send(gateway, sent);
    let received = destination.answer("200 OK");
    let via = headers(&received, "Via")[0];
    assert!(via.starts_with("SIP/2.0/UDP sip.example.com:5080;branch=z9hG4bK"), "{via}");
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK", "-v knows it");
}

#[test]
fn letters_without_effect_say_so() {
    let ended = Scene::new(&["-m", "64", "-M", "8", "-r", "-R"]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("-m and -M have no effect, there are no memory pools"));
    assert!(ended.err.contains("-r and -R have no effect"));
}

#[test]
fn process_ids_are_written_and_go_with_the_process() {
    let folder = Folder::new();
    let (pid, group) = (folder.path("sluice.pid"), folder.path("sluice.pgid"));
    let scene = Scene::of(ANSWERING, &["-P", &pid, "-G", &group], folder);
    assert_eq!(fs::read_to_string(&pid).unwrap(), format!("{}\n", scene.program.id()));
    let own_group = format!("{}\n", nix::unistd::getpgrp());
    assert_eq!(fs::read_to_string(&group).unwrap(), own_group, "a child's group is its parent's");
    let Scene { program, folder: _folder, .. } = scene;
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
    assert!(fs::metadata(&pid).is_err() && fs::metadata(&group).is_err());
}

#[test]
fn w_changes_the_working_directory() {
    let folder = Folder::new();
    let dir = folder.path("");
    let scene = Scene::of(ANSWERING, &["-w", &dir], folder);
    assert_eq!(scene.link("cwd"), dir.trim_end_matches('/'));
    let nowhere = scene.folder.path("nowhere");
    let listen = address().to_string();
    let err = refused(&["-f", "-", "-l", &listen, "-w", &nowhere], ANSWERING);
    assert!(err.contains(&format!("-w {nowhere}: ")), "{err}");
}

#[test]
fn u_and_g_give_up_root() {
    let listen = address().to_string();
    let args = ["-f", "-", "-l", &listen, "-u", "nobody", "-g", "nogroup"];
    if !is_root() {
        assert!(refused(&args, ANSWERING).contains("sluice: -g: EPERM"));
        return;
    }
    let folder = Folder::new();
    let pid = folder.path("sluice.pid");
    let scene = Scene::of(ANSWERING, &["-u", "nobody", "-g", "nogroup", "-P", &pid], folder);
    let user = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid;
    let group = nix::unistd::Group::from_name("nogroup").unwrap().unwrap().gid;
    let four = |id: String| vec![id; 4].join("\t");
    assert_eq!(scene.status("Uid"), four(user.to_string()));
    assert_eq!(scene.status("Gid"), four(group.to_string()));
    assert_eq!(scene.status("Groups"), group.to_string());
    assert_eq!(scene.ask(), "SIP/2.0 200 OK", "it goes on answering");
    assert!(fs::metadata(&pid).is_ok(), "written while it still could");
    let unknown = ["-f", "-", "-l", &listen, "-u", "nobody-at-all"];
    assert!(refused(&unknown, ANSWERING).contains("-u nobody-at-all: no such user"));
    let unknown = ["-f", "-", "-l", &listen, "-g", "no-group-at-all"];
    assert!(refused(&unknown, ANSWERING).contains("-g no-group-at-all: no such group"));
}

#[test]
fn t_confines_it_to_a_directory() {
    let folder = Folder::new();
    let dir = folder.path("").trim_end_matches('/').to_owned();
    let listen = address().to_string();
    if !is_root() {
        let err = refused(&["-f", "-", "-l", &listen, "-t", &dir], ANSWERING);
        assert!(err.contains(&format!("-t {dir}: EPERM")), "{err}");
        return;
    }
    let scene = Scene::of(ANSWERING, &["-t", &dir, "-P", "/inside.pid"], folder);
    assert_eq!((scene.link("root"), scene.link("cwd")), (dir.clone(), dir.clone()));
    assert!(fs::metadata(format!("{dir}/inside.pid")).is_ok());
    assert_eq!(scene.ask(), "SIP/2.0 200 OK", "it goes on answering");
}

#[test]
fn b_sets_the_receive_buffer() {
    const SENT: usize = 100;
    let answered = |options: &[&str]| {
        let scene = Scene::new(options);
        scene.program.signal("STOP");
        for _ in 0..SENT {
            let call_id = "stopped";
            let request = Request { call_id, ..Request::default() };
            scene.caller.send(scene.gateway, request.text(scene.caller.address()));
        }
        scene.program.signal("CONT");
        // The answer to a last question comes after all that were kept; it may be lost at first.
        let mut count = 0;
        loop {
            let last = Request { call_id: "last", ..Request::default() };
            scene.caller.send(scene.gateway, last.text(scene.caller.address()));
            let answer = scene.caller.receive();
            if answer.contains("Call-ID: last") {
                return count;
            }
            count += usize::from(answer.contains("Call-ID: stopped"));
        }
    };
    assert_eq!(answered(&["-n", "1"]), SENT);
    let few = answered(&["-n", "1", "-b", "4096"]);
    assert!((1..SENT / 2).contains(&few), "{few}");
}

#[test]
fn p_pipes_the_script_through_a_command() {
    let script = ANSWERING.replace("200", "CODE");
    let folder = Folder::new();
    let path = folder.write("test.cfg", &script);
    let sed = sluice(&["-C", "-f", &path, "-p", "sed s/CODE/200/"], "");
    assert_eq!(sed.code, Some(0), "{}", sed.err);
    Scene::of(&script, &["-p", "sed s/CODE/200/"], folder);
    // As m4 is used: a list of definitions, then the script.
    let folder = Folder::new();
    folder.write("defs", "s/CODE/200/\ns/ANSWER/send_reply/\n");
    let script = script.replace("send_reply", "ANSWER");
    let command = format!("sed -f {}", folder.path("defs"));
    Scene::of(&script, &["-p", &command], folder);
    let failing = refused(&["-f", "-", "-p", "false"], &script);
    assert!(failing.contains("preprocessor `false` failed"), "{failing}");
}

#[test]
fn o_gives_values_to_the_script() {
    let script = ANSWERING.replace("OK", "$argv(a)|$argv(b)|$argv(c)|$argv(d)");
    let script = script.replace("send_", "if ($argv(a) != \"1=2\") exit; send_");
    let folder = Folder::new();
    let (path, gateway) = (folder.write("test.cfg", &script), address());
    let listen = format!("udp:{gateway}");
    let _program =
        Running::gateway(&["-o", "a=1=2", "-ob=x y", "-f", &path, "-l", &listen, "-o", "c"]);
    let caller = Agent::new();
    caller.send(gateway, Request::default().text(caller.address()));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 1=2|x y||<null>");
}

#[test]
fn texts_of_times_are_in_the_zone_of_tz() {
    let script = ANSWERING.replace("OK", "$time(%Z %z)|$(Tf{s.substr,-4,0})");
    let folder = Folder::new();
    let (path, gateway) = (folder.write("test.cfg", &script), address());
    let mut command = Command::new(SLUICE);
    command.args(["-f", &path, "-l", &format!("udp:{gateway}")]).env("TZ", "ABC-4:30");
    let program = Running::spawn(&mut command, "");
    program.await_error("listening on");
    let caller = Agent::new();
    caller.send(gateway, Request::default().text(caller.address()));
    let answer = caller.receive();
    let (zone, year) = first_line(&answer).split_once('|').unwrap();
    assert_eq!(zone, "SIP/2.0 200 ABC +0430");
    assert!(year.parse::<u32>().unwrap() > 2000, "{year}");
}

#[test]
fn xlog_without_a_level_has_that_of_the_script() {
    let script = ANSWERING.replace("route {", "xlog_print_level=-1\nroute { xlog(\"fine\");");
    let told = Scene::of(&script, &[], Folder::new()).end();
    assert!(told.err.contains("ERROR:script: fine"), "{}", told.err);
    let script = script.replace("=-1", "=3");
    let quiet = Scene::of(&script, &[], Folder::new()).end();
    assert!(!quiet.err.contains("fine"), "{}", quiet.err);
}
