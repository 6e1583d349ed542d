//! `include_file` and `import_file` (spec 1.1): where files are looked for, what they may hold.

use std::process::Command;

use crate::sip::{Agent, Request};
use crate::support::{Folder, Running, SLUICE, address, refused};

/// Runs a script of the folder with the working folder `work`, has it handle one request and waits
/// for the lines that it should write.
fn writes(folder: &Folder, work: &str, more: &[&str], lines: &[&str]) {
    let (agent, listen) = (Agent::new(), address());
    let script = folder.path("main.cfg");
    let mut command = Command::new(SLUICE);
    command.args(["-f", &script, "-l", &listen.to_string()]).args(more);
    command.current_dir(folder.path(work));
    let program = Running::spawn(&mut command, "");
    program.await_error("listening on");
    agent.send(listen, Request::default().text(agent.address()));
    lines.iter().for_each(|line| program.await_error(line));
}

#[test]
fn files_are_included_where_a_line_begins() {
    let folder = Folder::new();
    for part in ["work", "work/parts", "deep"] {
        std::fs::create_dir(folder.path(part)).unwrap();
    }
    folder.write(
        "main.cfg",
        "  include_file \"globals.cfg\"\ninclude_file \"both.cfg\"\n\
         import_file \"none.cfg\"\nimport_file \"deep/one.cfg\"\n\
         route {\n    include_file 'parts/body.cfg'\n    xlog(\"include_file \\\"none\\\"\");\n}\n",
    );
    folder.write("globals.cfg", "max_while_loops = 2");
    folder.write("both.cfg", "route[both] { xlog(\"beside the script\"); }");
    folder.write("work/both.cfg", "route[both] { xlog(\"of the working folder\"); }");
    folder.write("work/parts/body.cfg", "route(both);\nroute(two); if ($rU) {");
    folder.write("deep/one.cfg", "include_file \"two.cfg\"\n");
    folder.write("deep/two.cfg", "route[two] { while (1) { $var(n) = 1; } xlog(\"below it\"); }");
    let text = std::fs::read_to_string(folder.path("main.cfg")).unwrap();
    // A block may begin in one file and end in another: inclusion is by text.
    folder.write("main.cfg", &text.replace("\\\"none\\\"\");", "\\\"none\\\"\"); }"));
    writes(
        &folder,
        "work",
        &[],
        &["of the working folder", "max_while_loops reached", "below it", "include_file \"none\""],
    );
}

#[test]
fn what_cannot_be_included_is_told_with_its_line() {
    let folder = Folder::new();
    let script = folder.write("main.cfg", "import_file \"a.cfg\"\nroute { exit; }\n");
    let inner = folder.write("a.cfg", "\ninclude_file \"gone.cfg\"\n");
    let err = refused(&["-C", "-f", &script], "");
    assert!(err.contains(&format!("{inner}:2:14: error: cannot read gone.cfg")), "{err}");
    assert!(err.contains(&format!("0. {script}:1:13")), "{err}");
    folder.write("a.cfg", "include_file \"main.cfg\"\n");
    let err = refused(&["-C", "-f", &script], "");
    assert!(err.contains("(1 error)"), "{err}");
}

#[test]
fn a_preprocessor_gets_all_files_as_one_text() {
    let folder = Folder::new();
    folder.write(
        "main.cfg",
        "include_file \"definitions.cfg\"\nimport_file \"none.cfg\"\n\
         include_file \"routes.cfg\" # VALUE\nroute { xlog(\"main VALUE\"); route(inner); }\n",
    );
    folder.write("definitions.cfg", "DEFINE 42\n");
    folder.write("routes.cfg", "\nroute[inner] {\n    xlog(\"inner VALUE\");\n}");
    // As m4 does: what is defined in one place holds in all that follow.
    let awk = "awk '/^DEFINE/ {value = $2; next} {gsub(\"VALUE\", value); print}'";
    writes(&folder, ".", &["-p", awk], &["INFO:script: main 42", "INFO:script: inner 42"]);
    folder.write("routes.cfg", "\nroute[inner] {\n    xlgo(\"inner VALUE\");\n}");
    let script = folder.path("main.cfg");
    let err = refused(&["-C", "-f", &script, "-p", awk], "");
    let place = format!("{}:3:5: error: unknown command xlgo", folder.path("routes.cfg"));
    assert!(err.contains(&place) && err.contains("(1 error)"), "{err}");
}

/// As OpenSIPS' own templates are written: switches on top, `ifelse` where they matter.
const TEMPLATE: &str = "\
# Switches of the template; m4 leaves a comment as it is: ENABLE_TEXT
define(`ENABLE_TEXT', `yes')dnl
define(`ENABLE_SL', `no')dnl
include_file \"settings.cfg\"
ifelse(ENABLE_TEXT, `yes', `loadmodule \"textops.so\"
', `')dnl
ifelse(ENABLE_SL, `yes', `loadmodule \"sl.so\"
', `')dnl
route {
    xlog(\"LISTEN_NAME is ifelse(ENABLE_TEXT, `yes', `with', `without') text\");
ifelse(ENABLE_SL, `yes', `    sl_send_reply(200, \"OK\");
', `    if (search(\"OPTIONS\")) xlog(\"found\");
')dnl
}
";

#[test]
fn templates_of_m4_are_expanded() {
    let found = Command::new("m4").arg("--version").output();
    assert!(found.is_ok(), "`m4` is missing: install Debian's package of that name");
    let folder = Folder::new();
    let script = folder.write("main.cfg", TEMPLATE);
    folder.write("settings.cfg", "define(`LISTEN_NAME', `gate')dnl\nmax_while_loops = 2\n");
    let lines = ["INFO:script: gate is with text", "INFO:script: found"];
    writes(&folder, ".", &["-p", "m4"], &lines);
    folder.write("main.cfg", &TEMPLATE.replace("search(", "serach("));
    let err = refused(&["-C", "-f", &script, "-p", "m4"], "");
    assert!(err.contains("error: unknown command serach"), "{err}");
    assert!(err.contains(&script) && err.contains("(1 error)"), "{err}");
    // What the preprocessor itself refuses is told, too.
    folder.write("main.cfg", "define(`OPEN\nroute { exit; }\n");
    let err = refused(&["-C", "-f", &script, "-p", "m4"], "");
    assert!(err.contains("preprocessor `m4` failed"), "{err}");
}
