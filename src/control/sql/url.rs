//! URLs of databases as OpenSIPS writes them: `user:password@host:port/name`, nothing escaped.
//! Takes what stands behind `://`; gives its parts, and the text for messages.

/// A URL's parts; those left out are `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Url {
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The host; IPv6 addresses without brackets.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The database.
    pub database: String,
}

impl Url {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it; never the password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // A password may have an @ in it, the rest may not.
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (user, password) = match user.and_then(|user| user.split_once(':')) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (user, None),
        };
        let Some((host, database)) = rest.split_once('/').filter(|(_, name)| !name.is_empty())
        else {
            return Err(format!("`{rest}` names no database: HOST/DATABASE"));
        };
        let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
        };
        let number = |port: &str| {
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("no port: `{port}`"))
        };
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(Self {
            user: user.and_then(given),
            password: password.and_then(given),
            host: given(host),
            port: port.map(number).transpose()?,
            database: database.to_owned(),
        })
    }

    /// The URL without the password, for messages.
    pub(crate) fn name(&self, scheme: &str) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let host = match self.host.as_deref() {
            Some(host) if host.contains(':') => format!("[{host}]"),
            host => host.unwrap_or_default().to_owned(),
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{user}{host}{port}/{}", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts_and_hides_its_password() {
        let full = Url::parse("opensips:p@ss:w/rd@[::1]:3307/sip").unwrap();
        assert_eq!(full.password.as_deref(), Some("p@ss:w/rd"));
        assert_eq!((full.host.as_deref(), full.port), (Some("::1"), Some(3307)));
        assert_eq!(full.name("mysql"), "mysql://opensips@[::1]:3307/sip");
        let seed = Url::parse("opensips:opensipsrw@localhost/opensips").unwrap();
        assert_eq!(seed.name("mysql"), "mysql://opensips@localhost/opensips");
        let short = Url::parse("/sip").unwrap();
        assert_eq!(short, Url { database: "sip".into(), ..Url::default() });
        assert_eq!(short.name("postgres"), "postgres:///sip");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        let wrong = |text| Url::parse(text).unwrap_err();
        assert_eq!(wrong("u:secret@host"), "`host` names no database: HOST/DATABASE");
        assert_eq!(wrong("u:secret@host:x/db"), "no port: `x`");
        assert_eq!(wrong("u:secret@host:0/db"), "no port: `0`");
    }
}
