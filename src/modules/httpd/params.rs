//! The parameters of `httpd`.

use sluice_engine::module::ParamEntry;
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Later};
use sluice_script::ir::Setting;

use crate::limits::HTTPD_REQUEST_MAX;
use crate::table::setting;

pub(super) const PARAMS: &[ParamEntry] = &[
    setting("ip", &[], "Address to listen at, `*` for all; 127.0.0.1.", Text, Honoured),
    ParamEntry {
        check: Some(port),
        ..setting("port", &[], "Port to listen at; 8888.", Int, Honoured)
    },
    ParamEntry {
        check: Some(seconds),
        ..setting(
            "conn_timeout",
            &[],
            "Seconds that a connection may stay idle, 0 for ever; 30.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(reply_size),
        ..setting(
            "buf_size",
            &[],
            "Longest reply, bytes; a longer one is an error; 0, which is 128 MiB.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(request_size),
        ..setting(
            "post_buf_size",
            &[],
            "Longest request, bytes, where it is more than 65536.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(request_size),
        ..setting("receive_buf_size", &[], "The same as post_buf_size.", Int, Honoured)
    },
    setting("auth_realm", &[], "The realm that is asked for a password; sluice.", Text, Honoured),
    setting("auth_username", &[], "Name that requests must carry; none.", Text, Honoured),
    setting("auth_password", &[], "Password that requests must carry; none.", Text, Honoured),
    setting("tls_cert_file", &[], "Certificate for HTTPS.", Text, Later),
    setting("tls_key_file", &[], "Private key for HTTPS.", Text, Later),
    setting("tls_ciphers", &[], "Ciphers of HTTPS.", Text, Later),
];

fn port(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=65_535) => Ok(()),
        _ => Err("a port is 1 to 65535".to_owned()),
    }
}

fn seconds(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=86_400) => Ok(()),
        _ => Err("conn_timeout is 0 to 86400 seconds".to_owned()),
    }
}

fn reply_size(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..) => Ok(()),
        _ => Err("a size is not negative".to_owned()),
    }
}

fn request_size(value: &Setting) -> Result<(), String> {
    let most = i64::try_from(HTTPD_REQUEST_MAX).unwrap_or(i64::MAX);
    match value {
        Setting::Int(bytes) if (0..=most).contains(bytes) => Ok(()),
        _ => Err(format!("a request has at most {HTTPD_REQUEST_MAX} bytes")),
    }
}
