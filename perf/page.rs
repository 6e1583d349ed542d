//! Where messages of the load are written, one text after the other, without formatting, and padded
//! to a size.

use anyhow::{Result, bail};

use crate::template::Template;

/// Where a message is written.
pub struct Page<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl<'a> Page<'a> {
    /// An empty one over these bytes, which must have room.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, length: 0 }
    }

    /// Adds a text.
    pub fn text(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Adds the text of a template with this number.
    pub fn template(&mut self, template: &Template, number: u64) {
        template.write(number, &mut self.bytes[self.length..]);
        self.length += template.length();
    }

    /// Adds a header that makes the message `bytes` long, and its end.
    ///
    /// # Errors
    /// When it is longer already.
    pub fn finish(&mut self, end: &[u8], bytes: usize) -> Result<()> {
        const NAME: &[u8] = b"X-Pad: ";
        let needed = self.length + NAME.len() + b"\r\n".len() + end.len();
        let Some(pad) = bytes.checked_sub(needed) else {
            bail!("a message of {needed} bytes where its kind has {bytes}");
        };
        self.text(NAME);
        self.bytes[self.length..self.length + pad].fill(b'x');
        self.length += pad;
        self.text(b"\r\n");
        self.text(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_long_as_it_shall_be_or_refuses() {
        let mut bytes = [0; 64];
        let mut page = Page::new(&mut bytes);
        page.text(b"a ");
        page.text(b"001042");
        page.text(b"\r\n");
        page.finish(b"\r\n", 24).expect("room");
        assert_eq!(bytes[..24], b"a 001042\r\nX-Pad: xxx\r\n\r\n"[..]);
        let mut page = Page::new(&mut bytes);
        page.text(b"longer");
        assert!(page.finish(b"\r\n", 16).is_err());
    }
}
