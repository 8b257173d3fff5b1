//! How caller and daemon meet over loopback TCP, where nothing of the system says who calls.
//!
//! The daemon listens on a loopback address and writes a *rendezvous file*, which only those may read
//! who have backup privilege. It holds three lines: `ADDRESS:PORT`, a token for the caller and one for the
//! daemon, both new whenever the daemon starts. A caller sends one line with its token, the *preamble*; the
//! daemon answers with one line with its own, so that nobody is taken for it who has its port after its
//! end. HTTP/2 begins right after these.

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
/// What the daemon's line begins with for who has shown the right token, and for all others.
const ANSWER: &str = "openvss-answer ";
const DENIAL: &str = "openvss-denied ";
const TOKEN_BYTES: usize = 32;
/// Length of the preamble in bytes, its line feed included.
pub const PREAMBLE_BYTES: usize = GREETING.len() + 2 * TOKEN_BYTES + 1;

/// Length of the daemon's line in bytes, its line feed included.
pub const ANSWER_BYTES: usize = ANSWER.len() + 2 * TOKEN_BYTES + 1;

/// What one side shows to prove that it may read the rendezvous file: 256 random bits, in text 64
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
    answer: Token,
}

impl Rendezvous {
    /// A daemon at a loopback address, with the tokens of callers and of its own.
    ///
    /// # Errors
    /// `E_INVALIDARG` for another address: the tokens would go over a network.
    pub fn new(address: SocketAddr, token: Token, answer: Token) -> Result<Self, Error> {
        if !is_loopback(&address) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{address} is no loopback address"),
            )
            .with_hint("a loopback address is 127.0.0.1:PORT or [::1]:PORT"));
        }
        Ok(Self {
            address,
            token,
            answer,
        })
    }

    /// Reads what a file holds.
    ///
    /// # Errors
    /// `E_INVALIDARG` where it is anything but a loopback address and two tokens. Nothing of the content is
    /// told but the address.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let invalid = |why: &str| Error::new(ErrorKind::InvalidArgument, why.to_owned());
        if content.len() > RENDEZVOUS_BYTES {
            return Err(invalid("it is too long"));
        }
        let text = std::str::from_utf8(content).map_err(|_| invalid("it is no text"))?;
        let mut lines = text.lines();
        let (Some(address), Some(token_line), Some(answer_line), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(invalid("it does not hold three lines"));
        };
        let address = address
            .parse()
            .map_err(|_| invalid("its first line is no ADDRESS:PORT"))?;
        let token = |line: &str, which: &str| {
            Token::parse(line.as_bytes()).ok_or_else(|| {
                let what = "is no token of 64 hexadecimal digits in lower case";
                invalid(&format!("its {which} line {what}"))
            })
        };
        Self::new(
            address,
            token(token_line, "second")?,
            token(answer_line, "third")?,
        )
    }

    /// Where the daemon listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token of callers.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// What the daemon answers to the right token: `openvss-answer TOKEN` and a line feed.
    #[must_use]
    pub fn answer(&self) -> String {
        format!("{ANSWER}{}\n", self.answer.hex())
    }

    /// Whether a line is the answer of the daemon that wrote the file.
    #[must_use]
    pub fn is_answer(&self, line: &[u8; ANSWER_BYTES]) -> bool {
        line.strip_suffix(b"\n")
            .and_then(|line| Token::parse(line.strip_prefix(ANSWER.as_bytes())?))
            .is_some_and(|answer| answer.matches(&self.answer))
    }

    /// What the file holds, tokens included.
    #[must_use]
    pub fn to_file(&self) -> String {
        let [token, answer] = [&self.token, &self.answer].map(Token::hex);
        format!("{}\n{token}\n{answer}\n", self.address)
    }
}

/// What the daemon answers to another token: as long as an answer, and none.
#[must_use]
pub fn denial() -> String {
    format!("{DENIAL}{}\n", "0".repeat(2 * TOKEN_BYTES))
}

/// Whether an address is one of this machine that no packet from elsewhere can reach.
#[must_use]
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use vss_model::ErrorKind;

    use super::{ANSWER_BYTES, PREAMBLE_BYTES, Rendezvous, Token, denial};

    fn token() -> Token {
        Token::new(std::array::from_fn(|i| u8::try_from(i * 8).unwrap()))
    }

    fn answer() -> Token {
        Token::new([7; 32])
    }

    fn rendezvous(address: &str) -> Rendezvous {
        Rendezvous::new(address.parse().unwrap(), token(), answer()).unwrap()
    }

    #[test]
    fn a_file_comes_back() {
        for address in ["127.0.0.1:41234", "[::1]:7", "127.9.9.9:1"] {
            let one = rendezvous(address);
            let back = Rendezvous::parse(one.to_file().as_bytes()).unwrap();
            assert_eq!(back.address().to_string(), address);
            assert!(back.token().matches(&token()));
            assert_eq!(back.answer(), one.answer());
            for secret in [token(), answer()] {
                assert!(!format!("{back:?}").contains(&secret.hex()));
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        let hex = token().hex();
        for content in [
            String::new(),
            "127.0.0.1:1\n".to_owned(),
            format!("127.0.0.1:1\n{hex}\n"),
            format!("127.0.0.1:1\n{hex}\n{hex}\n\n"),
            format!("localhost:1\n{hex}\n{hex}\n"),
            format!("127.0.0.1\n{hex}\n{hex}\n"),
            format!("127.0.0.1:1\n{}\n{hex}\n", hex.to_uppercase()),
            format!("127.0.0.1:1\n{hex}\n{hex}0\n"),
            format!("127.0.0.1:1\n{}\n{hex}\n", hex.split_at(1).1),
            format!("127.0.0.1:1\n{hex}\n {hex}\n"),
            format!("127.0.0.1:1\n{hex}\n{hex}\n{}", " ".repeat(300)),
            format!("192.0.2.1:1\n{hex}\n{hex}\n"),
            format!("0.0.0.0:1\n{hex}\n{hex}\n"),
            format!("[::]:1\n{hex}\n{hex}\n"),
            format!("[::ffff:192.0.2.1]:1\n{hex}\n{hex}\n"),
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
    fn only_the_daemon_has_the_answer() {
        let one = rendezvous("127.0.0.1:1");
        let line = |text: String| <[u8; ANSWER_BYTES]>::try_from(text.into_bytes()).unwrap();
        assert!(one.is_answer(&line(one.answer())));
        // What a caller has shown is no answer, although whoever took the port has seen it.
        let seen = Rendezvous::new(one.address(), token(), token()).unwrap();
        for other in [denial(), seen.answer(), one.answer().to_uppercase()] {
            assert!(!one.is_answer(&line(other)));
        }
        let mut cut = line(one.answer());
        cut[ANSWER_BYTES - 1] = b' ';
        assert!(!one.is_answer(&cut));
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
