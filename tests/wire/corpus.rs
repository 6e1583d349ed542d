//! The corpus of the fuzz targets, replayed on stable: what was once found stays mended.

use std::path::{Path, PathBuf};

use sluice_tests::targets::TARGETS;

#[test]
fn every_target_is_built_has_a_corpus_and_survives_it() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, run) in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let seeds = files(&fuzz.join("corpus").join(name));
        assert!(seeds.len() >= 5, "{name} has {} files", seeds.len());
        for seed in seeds {
            let bytes = std::fs::read(&seed).unwrap();
            let shown = Shown(&seed);
            run(&bytes);
            // Each beginning too: what ends early is where readers err.
            for len in (0..bytes.len().min(600)).step_by(7) {
                run(&bytes[..len]);
            }
            drop(shown);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

/// Says which file it was when a test fails.
struct Shown<'a>(&'a Path);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {}", self.0.display());
        }
    }
}
