//! The scripts of `examples/` against the tables of the modules that are built.

use std::io;
use std::path::Path;

use sluice_engine::registry::Registry;
use sluice_modules::{CORE, KNOWN, MODULES, RENAMED};
use sluice_script::{Compiled, Loader, Options, SourceText, compile};

/// No example includes another file.
struct NoFiles;

impl Loader for NoFiles {
    fn read(&mut self, _: &str, _: &str) -> io::Result<SourceText> {
        Err(io::ErrorKind::NotFound.into())
    }
}

pub fn compile_real(name: &str, text: Vec<u8>) -> Compiled {
    let registry = Registry::new(CORE, MODULES, KNOWN).with_renamed(RENAMED);
    let main = SourceText { name: name.to_owned(), text };
    compile(main, &mut NoFiles, &registry, Options::default())
}

#[test]
fn every_example_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut compiled = 0;
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "cfg") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let result = compile_real(&name, std::fs::read(&path).unwrap());
                assert!(result.script.is_some(), "{}", result.render(false));
                compiled += 1;
            }
        }
    }
    assert!(compiled > 0);
}

/// One line of each construct that old and new scripts share, against the real tables.
#[test]
fn old_and_new_words_find_their_functions() {
    let text = "debug=3\nfork=yes\nchildren=4\nlisten=udp:127.0.0.1:5060\n\
        loadmodule \"sl.so\"\nloadmodule \"/usr/lib/opensips/modules/maxfwd.so\"\n\
        loadmodule \"textops\"\nloadmodule \"dispatcher\"\n\
        route {\n  if (method==\"INVITE\" && uri==myself) setflag(22);\n\
        \x20 if (src_ip==10.0.0.0/8 || msg:len>=max_len) sl_send_reply(\"513\", \"Too big\");\n\
        \x20 if (!is_myself(\"$rd\")) append_hf(\"P-hint: outbound\\r\\n\");\n\
        \x20 $var(x) = ($ml + 1) / 2;\n  xlog(\"L_WARN\", \"$rm from $si:$sp\\n\");\n\
        \x20 if ($rU =~ \"^[0-9]+$\") prefix(\"00\");\n\
        \x20 ds_select_dst(\"2\", \"4\");\n  forward();\n}\n\
        onreply_route { if (status=~\"[45]..\") log(\"bad news\"); }\n";
    let compiled = compile_real("main.cfg", text.into());
    assert!(compiled.script.is_some(), "{}", compiled.render(false));
}
