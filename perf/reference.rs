//! The program around the reference forwarder: `reference LISTEN DESTINATION...`, IPv4 addresses
//! with ports. Runs until it is killed.
#![forbid(unsafe_code)]

use std::net::SocketAddrV4;
use std::process::ExitCode;

use sluice_perf::forwarder::Forwarder;

fn main() -> ExitCode {
    let addresses: Result<Vec<SocketAddrV4>, _> =
        std::env::args().skip(1).map(|a| a.parse()).collect();
    let Ok([listen, destinations @ ..]) = addresses.as_deref() else {
        eprintln!("usage: reference LISTEN:PORT DESTINATION:PORT...");
        return ExitCode::FAILURE;
    };
    match Forwarder::open(*listen, destinations).and_then(|mut forwarder| forwarder.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reference: {error}");
            ExitCode::FAILURE
        }
    }
}
