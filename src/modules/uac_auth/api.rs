//! What other modules use of `uac_auth`: the credentials for a realm.

use sluice_engine::Ctx;
use sluice_engine::module::{Setup, SetupError};
use sluice_engine::run::AvpKey;
use sluice_script::ir::Setting;

use crate::names;
use sluice_sip::digest::{Function, Hash};

/// All credentials that the script gives, in its parameters of `uac_auth`, or of `uac` as before
/// 1.8.
#[derive(Debug, Default)]
pub struct Credentials {
    list: Vec<Credential>,
    /// The slots of the AVPs of realm, username and password.
    avps: Option<[u32; 3]>,
}

/// One user of one realm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// The username.
    pub user: Vec<u8>,
    realm: Vec<u8>,
    secret: Vec<u8>,
}

/// Where the parameters may stand.
const MODULES: [&str; 2] = ["uac_auth", "uac"];

/// Those of the AVPs.
const AVPS: [&str; 3] = ["auth_realm_avp", "auth_username_avp", "auth_password_avp"];

impl Credentials {
    /// Reads the parameters.
    ///
    /// # Errors
    /// AVPs that are none, or of which some are missing.
    pub fn read(setup: &mut Setup<'_>) -> Result<Self, SetupError> {
        let mut found = Self::default();
        let mut named = [None, None, None];
        let mut interned = Vec::new();
        for param in setup.script.params.iter().filter(|p| MODULES.contains(&p.module)) {
            let Setting::Text(text) = &param.value else { continue };
            if param.name == "credential" {
                found.list.extend(Credential::parse(text));
            } else if let Some(at) = AVPS.iter().position(|name| param.name == *name) {
                let Some(name) = names::avp(text) else {
                    let text = format!("{} is an AVP, `$avp(name)`, not `{text}`", param.name);
                    return Err(SetupError { at: Some(param.at), text });
                };
                interned.push((at, name.to_owned()));
            }
        }
        for (at, name) in interned {
            if let Some(place) = named.get_mut(at) {
                *place = Some(setup.script.avps.intern(&name));
            }
        }
        found.avps = match named {
            [Some(realm), Some(user), Some(password)] => Some([realm, user, password]),
            [None, None, None] => None,
            _ => {
                let text = format!("{}: all three of them, or none", AVPS.join(", "));
                return Err(SetupError { at: None, text });
            }
        };
        Ok(found)
    }

    /// The user of a realm: that of the AVPs when they are for it, else the one named last.
    pub fn of_realm(&self, ctx: &Ctx<'_>, realm: &[u8]) -> Option<Credential> {
        let of_list = || self.list.iter().rev().find(|c| c.realm == realm).cloned();
        self.of_avps(ctx).filter(|credential| credential.realm == realm).or_else(of_list)
    }

    fn of_avps(&self, ctx: &Ctx<'_>) -> Option<Credential> {
        let [realm, user, secret] = self.avps?.map(|slot| {
            let text = ctx.avp_newest(AvpKey::Slot(slot))?.text()?;
            Some(ctx.bytes(text).to_vec())
        });
        Some(Credential { user: user?, realm: realm?, secret: secret? })
    }
}

/// Refuses a credential that names no user or realm. Also for `uac`, which had them once.
///
/// # Errors
/// What was expected.
pub fn check_credential(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) if Credential::parse(text).is_some() => Ok(()),
        _ => Err("a credential is `username:realm:password`".to_owned()),
    }
}

impl Credential {
    /// Reads `username:realm:password`; the password may hold any character.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').map(|part| part.as_bytes().to_vec());
        let (user, realm, secret) = (parts.next()?, parts.next()?, parts.next()?);
        (!user.is_empty() && !realm.is_empty()).then_some(Self { user, realm, secret })
    }

    /// The hash of user, realm and password; `None` when only another function's is known. A
    /// password of `0x` and so many hexadecimal digits is the hash itself.
    pub fn ha1(&self, function: Function) -> Option<Hash> {
        let known = self.secret.strip_prefix(b"0x").filter(|digits| {
            let read = |function| Hash::read(digits, function).is_some();
            read(Function::Md5) || read(Function::Sha256)
        });
        match known {
            Some(digits) => Hash::read(digits, function),
            None => Some(function.hash(&[&self.user, &self.realm, &self.secret])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_holds_any_character_or_is_a_hash() {
        let credential = Credential::parse("bob:x:a:b c").unwrap();
        assert_eq!((&*credential.user, &*credential.secret), (&b"bob"[..], &b"a:b c"[..]));
        assert_eq!(Credential::parse("bob:x"), None);
        assert_eq!(Credential::parse(":x:y"), None);
        let ha1 = |secret: &str, function| {
            let credential = Credential::parse(&format!("bob:x:{secret}")).unwrap();
            credential.ha1(function).map(|hash| format!("{hash:?}"))
        };
        let md5 = "c17ba8157756f263d07e158504204629";
        let known = format!("0x{md5}");
        assert_eq!(ha1(&known, Function::Md5).as_deref(), Some(md5));
        assert_eq!(ha1(&known, Function::Sha256), None, "it cannot be made of the other");
        assert!(ha1("0xnot", Function::Sha256).is_some(), "a password as any other");
    }
}
