//! How caller and daemon meet over loopback TCP, where nothing of the system says who calls.
//!
//! The daemon listens on a loopback address and writes a *rendezvous file*, which only those may read
//! who have backup privilege. It holds two lines: `ADDRESS:PORT`, and a token that is new whenever the
//! daemon starts. A caller sends one line with the token, the *preamble*; HTTP/2 begins right after it.

use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::net::SocketAddr;

use vss_model::{Error, ErrorKind};

/// Where the rendezvous file usually is.
pub const RENDEZVOUS: &str = "/run/vss/loopback";
/// A rendezvous file is no longer than this, in bytes.
pub const RENDEZVOUS_BYTES: usize = 256;
/// What the preamble begins with; the token and a line feed follow.
const GREETING: &str = "openvss-token ";
const TOKEN_BYTES: usize = 32;
/// Length of the preamble in bytes, its line feed included.
pub const PREAMBLE_BYTES: usize = GREETING.len() + 2 * TOKEN_BYTES + 1;

/// What a caller shows to prove that it may read the rendezvous file: 256 random bits, in text 64
/// lower-case hexadecimal digits.
#[derive(Clone)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// A token of random bytes.
    #[must_use]
    pub const fn new(random: [u8; TOKEN_BYTES]) -> Self {
        Self(random)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut token = [0; TOKEN_BYTES];
        if text.len() != 2 * TOKEN_BYTES {
            return None;
        }
        for (byte, pair) in token.iter_mut().zip(text.chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(token))
    }

    fn hex(&self) -> String {
        let mut text = String::with_capacity(2 * TOKEN_BYTES);
        for byte in self.0 {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// What a caller sends first: `openvss-token TOKEN` and a line feed.
    #[must_use]
    pub fn preamble(&self) -> String {
        format!("{GREETING}{}\n", self.hex())
    }

    /// The token in a preamble; `None` where it is none.
    #[must_use]
    pub fn of_preamble(preamble: &[u8; PREAMBLE_BYTES]) -> Option<Self> {
        let line = preamble.strip_suffix(b"\n")?;
        Self::parse(line.strip_prefix(GREETING.as_bytes())?)
    }

    /// Whether two tokens are the same. It takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        black_box(pairs.fold(0, |sum, (a, b)| black_box(sum | (a ^ b)))) == 0
    }
}

/// Never the token itself.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a rendezvous file holds.
#[derive(Debug, Clone)]
pub struct Rendezvous {
    address: SocketAddr,
    token: Token,
}

impl Rendezvous {
    /// A daemon at a loopback address, with its token.
    ///
    /// # Errors
    /// `E_INVALIDARG` for another address: the token would go over a network.
    pub fn new(address: SocketAddr, token: Token) -> Result<Self, Error> {
        if !is_loopback(&address) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{address} is no loopback address"),
            )
            .with_hint("a loopback address is 127.0.0.1:PORT or [::1]:PORT"));
        }
        Ok(Self { address, token })
    }

    /// Reads what a file holds.
    ///
    /// # Errors
    /// `E_INVALIDARG` where it is anything but a loopback address and a token. Nothing of the content is
    /// told but the address.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let invalid = |why: &str| Error::new(ErrorKind::InvalidArgument, why.to_owned());
        if content.len() > RENDEZVOUS_BYTES {
            return Err(invalid("it is too long"));
        }
        let text = std::str::from_utf8(content).map_err(|_| invalid("it is no text"))?;
        let mut lines = text.lines();
        let (Some(address), Some(token), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(invalid("it does not hold two lines"));
        };
        let address = address
            .parse()
            .map_err(|_| invalid("its first line is no ADDRESS:PORT"))?;
        let token = Token::parse(token.as_bytes()).ok_or_else(|| {
            invalid("its second line is no token of 64 hexadecimal digits in lower case")
        })?;
        Self::new(address, token)
    }

    /// Where the daemon listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The daemon's token.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// What the file holds, token included.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("{}\n{}\n", self.address, self.token.hex())
    }
}

/// Whether an address is one of this machine that no packet from elsewhere can reach.
#[must_use]
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use vss_model::ErrorKind;

    use super::{PREAMBLE_BYTES, Rendezvous, Token};

    fn token() -> Token {
        Token::new(std::array::from_fn(|i| u8::try_from(i * 8).unwrap()))
    }

    #[test]
    fn a_file_comes_back() {
        for address in ["127.0.0.1:41234", "[::1]:7", "127.9.9.9:1"] {
            let one = Rendezvous::new(address.parse().unwrap(), token()).unwrap();
            let back = Rendezvous::parse(one.to_file().as_bytes()).unwrap();
            assert_eq!(back.address().to_string(), address);
            assert!(back.token().matches(&token()));
            assert!(!format!("{back:?}").contains(&token().hex()));
        }
    }

    #[test]
    fn other_files_are_refused() {
        let hex = token().hex();
        for content in [
            String::new(),
            "127.0.0.1:1\n".to_owned(),
            format!("127.0.0.1:1\n{hex}\n\n"),
            format!("localhost:1\n{hex}\n"),
            format!("127.0.0.1\n{hex}\n"),
            format!("127.0.0.1:1\n{}\n", hex.to_uppercase()),
            format!("127.0.0.1:1\n{hex}0\n"),
            format!("127.0.0.1:1\n{}\n", hex.split_at(1).1),
            format!("127.0.0.1:1\n {hex}\n"),
            format!("127.0.0.1:1\n{hex}\n{}", " ".repeat(300)),
            format!("192.0.2.1:1\n{hex}\n"),
            format!("0.0.0.0:1\n{hex}\n"),
            format!("[::]:1\n{hex}\n"),
            format!("[::ffff:192.0.2.1]:1\n{hex}\n"),
        ] {
            let error = Rendezvous::parse(content.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{content:?}");
            assert!(!error.chain().contains(hex.get(1..).unwrap()));
        }
        assert!(Rendezvous::parse(&[0xff; 20]).is_err());
    }

    #[test]
    fn preambles_are_read_strictly() {
        let preamble: [u8; PREAMBLE_BYTES] = token().preamble().into_bytes().try_into().unwrap();
        assert!(Token::of_preamble(&preamble).unwrap().matches(&token()));
        for (place, byte) in [(0, b'O'), (13, b'\t'), (20, b'A'), (78, b'\r'), (14, b'g')] {
            let mut other = preamble;
            other[place] = byte;
            assert!(Token::of_preamble(&other).is_none(), "{place}");
        }
    }

    #[test]
    fn a_bit_makes_a_difference() {
        for bit in 0..256 {
            let mut other = token();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!other.matches(&token()), "{bit}");
        }
    }
}
