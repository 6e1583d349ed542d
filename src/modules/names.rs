//! Names of variables as module parameters give them.

/// `name` of `$class(name)` or `$(class(name))`.
pub(crate) fn inner<'a>(text: &'a str, class: &str) -> Option<&'a str> {
    let text = text.strip_prefix('$')?;
    let text = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
    let name = text.strip_prefix(class)?.strip_prefix('(')?.strip_suffix(')')?;
    (!name.is_empty() && !name.contains(['(', ')', '$'])).then_some(name)
}

/// The name of an AVP: `$avp(name)`, or the bare name.
pub(crate) fn avp(text: &str) -> Option<&str> {
    let bare = !text.is_empty() && !text.contains(['$', '(', ')', ' ']);
    if bare { Some(text) } else { inner(text, "avp") }
}
