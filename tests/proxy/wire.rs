//! HTTP/1.1 on a bare socket, for both sides: what is sent is sent byte by byte, and what comes is
//! kept as it came. No HTTP library, so that none can tidy up what the tests want to see.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No test waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection with what was read of it and not yet asked for.
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// The head of a message. Bytes are kept as Latin-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Request line or status line.
    pub line: String,
    /// As they came.
    pub headers: Vec<(String, String)>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
    Close,
}

/// A body that was read: its length, its checksum, and what followed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub length: u64,
    pub crc: u32,
    pub trailers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// All values of a header, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let own = self.headers.iter();
        let own = own.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_str()).collect()
    }

    /// Of a status line.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Of a request line.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap()
    }

    /// Of a request line.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    /// How the body of this request ends.
    pub fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::None)
    }

    /// How the body of this answer to `method` ends.
    pub fn response_framing(&self, method: &str) -> Framing {
        match self.status() {
            100..=199 | 204 | 304 => Framing::None,
            _ if method == "HEAD" => Framing::None,
            _ => self.framing().unwrap_or(Framing::Close),
        }
    }

    fn framing(&self) -> Option<Framing> {
        if let Some(coding) = self.get("transfer-encoding") {
            assert!(coding.eq_ignore_ascii_case("chunked"), "{self:?}");
            assert_eq!(self.get("content-length"), None, "ambiguous: {self:?}");
            return Some(Framing::Chunked);
        }
        let lengths = self.all("content-length");
        assert!(lengths.len() < 2, "ambiguous: {self:?}");
        lengths
            .first()
            .map(|length| Framing::Length(length.parse().unwrap()))
    }
}

impl Wire {
    pub fn new(stream: TcpStream) -> Wire {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Wire {
            stream,
            buffer: vec![0; 256 << 10],
            start: 0,
            end: 0,
        }
    }

    pub fn connect(address: &str) -> Wire {
        Wire::new(TcpStream::connect(address).unwrap())
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads more; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            if self.start == 0 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            } else {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
        }
        let read = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read > 0)
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// One line without its end; it must end in CR LF.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            let found = self.unread().windows(2).position(|pair| pair == b"\r\n");
            if let Some(length) = found {
                let line = self.unread()[..length].iter().map(|b| *b as char).collect();
                self.start += length + 2;
                return Ok(Some(line));
            }
            if !self.fill()? {
                let nothing = self.unread().is_empty();
                return if nothing {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    fn headers(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line()?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line.split_once(':').expect("a header has a colon");
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// The next head; `None` when the other side closed the connection before it.
    pub fn try_head(&mut self) -> io::Result<Option<Head>> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let headers = self.headers()?;
        Ok(Some(Head { line, headers }))
    }

    /// The next head.
    pub fn head(&mut self) -> Head {
        self.try_head().unwrap().expect("a head, not the end")
    }

    /// Reads a body and gives it to `sink` piece by piece.
    pub fn body_to(&mut self, framing: Framing, sink: &mut dyn FnMut(&[u8])) -> io::Result<Body> {
        let mut hash = crc32fast::Hasher::new();
        let mut length = 0;
        let mut taken = |bytes: &[u8]| {
            hash.update(bytes);
            length += bytes.len() as u64;
            sink(bytes);
        };
        let mut trailers = Vec::new();
        match framing {
            Framing::None => {}
            Framing::Length(length) => self.exactly(length, &mut taken)?,
            Framing::Close => loop {
                taken(&self.buffer[self.start..self.end]);
                self.start = self.end;
                if !self.fill()? {
                    break;
                }
            },
            Framing::Chunked => loop {
                let line = self.line()?.ok_or(ErrorKind::UnexpectedEof)?;
                let size = line.split(';').next().unwrap();
                let size = u64::from_str_radix(size, 16).expect("a chunk's size");
                if size == 0 {
                    trailers = self.headers()?;
                    break;
                }
                self.exactly(size, &mut taken)?;
                assert_eq!(
                    self.line()?.as_deref(),
                    Some(""),
                    "a chunk ends in a line's end"
                );
            },
        }
        Ok(Body {
            length,
            crc: hash.finalize(),
            trailers,
        })
    }

    fn exactly(&mut self, mut length: u64, taken: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while length > 0 {
            if self.start == self.end && !self.fill()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let piece = length.min((self.end - self.start) as u64) as usize;
            taken(&self.buffer[self.start..self.start + piece]);
            self.start += piece;
            length -= piece as u64;
        }
        Ok(())
    }

    /// Reads a small body.
    pub fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.body_to(framing, &mut |bytes| all.extend_from_slice(bytes))?;
        Ok(all)
    }

    /// The answer to a request with `method`, 1xx left out, and its body.
    pub fn answer(&mut self, method: &str) -> (Head, Vec<u8>) {
        loop {
            let head = self.head();
            if head.status() >= 200 {
                let body = self.body(head.response_framing(method)).unwrap();
                return (head, body);
            }
        }
    }

    /// One byte, or `None` at the end of the stream, however it ended.
    pub fn byte(&mut self) -> Option<u8> {
        while self.start == self.end {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
                Err(_) => return None,
            }
        }
        self.start += 1;
        Some(self.buffer[self.start - 1])
    }

    /// Waits for the end of the stream, however it ends.
    pub fn wait_end(&mut self) {
        while self.byte().is_some() {}
    }
}

/// A chunk on the wire.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
