//! What other modules use of `sipmsgops`, which took over the functions of `uri`.

pub(crate) use super::content::descriptions;
pub(crate) use super::message::has_totag;
pub(crate) use super::uri::{
    HAS, NAME, URI, add_param, delete_param, find_param, has_param, is_e164, tel_to_sip,
};
