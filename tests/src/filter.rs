//! A filter for tests: it speaks the milter protocol as a script says, proper or not, and remembers what it was told.
//!
//! The script is asked for each packet and gives the octets that are sent back, lengths and all, so that it can be as hostile as
//! it likes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A packet that the filter was sent: its letter and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Which connection to the filter it came by, from 0.
    pub connection: usize,
    /// What it is.
    pub letter: char,
    /// The rest.
    pub data: Vec<u8>,
}

impl Packet {
    /// The data as text, with a blank for each NUL.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data)
            .replace('\0', " ")
            .trim_end()
            .to_owned()
    }
}

/// What a script does upon a packet.
pub enum Act {
    /// Sends these octets.
    Send(Vec<u8>),
    /// Says nothing.
    Silence,
    /// Closes the connection.
    Close,
}

/// A running filter. It ends with the test.
pub struct Filter {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Packet>>>,
}

impl Filter {
    /// A filter that does as `script` says.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn start(script: impl Fn(&Packet) -> Act + Send + Sync + 'static) -> io::Result<Filter> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let told: Arc<Mutex<Vec<Packet>>> = Arc::default();
        let (script, kept) = (Arc::new(script), told.clone());
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (script, kept) = (script.clone(), kept.clone());
                // A connection that breaks is the server's doing, and the test's to judge.
                std::thread::spawn(move || drop(talk(stream, connection, &*script, &kept)));
            }
        });
        Ok(Filter { address, told })
    }

    /// A proper filter: it agrees to everything and answers each packet as `answers` says, with the letter and the data of one
    /// packet or several; with "continue" where that is empty.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn proper(
        answers: impl Fn(&Packet) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> io::Result<Filter> {
        Filter::start(move |packet| match packet.letter {
            'O' => Act::Send(agreement(0x1ff, 0)),
            'D' | 'A' | 'Q' => Act::Silence,
            _ => {
                let answers = answers(packet);
                match answers.is_empty() {
                    true => Act::Send(packed(b"c")),
                    false => Act::Send(answers.iter().flat_map(|answer| packed(answer)).collect()),
                }
            }
        })
    }

    /// Its entry in the configuration; `more` are further lines.
    pub fn config(&self, more: &str) -> String {
        format!("[[milter]]\naddress = \"inet:{}\"\n{more}\n", self.address)
    }

    /// What it was told so far.
    pub fn told(&self) -> Vec<Packet> {
        self.lock().clone()
    }

    /// The letters of what it was told so far, without macros, by connection.
    pub fn letters(&self, connection: usize) -> String {
        let told = self.lock();
        let of_connection = told.iter().filter(|packet| packet.connection == connection);
        of_connection
            .map(|packet| packet.letter)
            .filter(|letter| *letter != 'D')
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Packet>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A packet with its length.
pub fn packed(packet: &[u8]) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), packet].concat()
}

/// The answer to the offer: version 6, these actions and these wishes.
pub fn agreement(actions: u32, wishes: u32) -> Vec<u8> {
    let numbers = [6, actions, wishes].map(u32::to_be_bytes).concat();
    packed(&[b"O", &numbers[..]].concat())
}

fn talk(
    mut stream: TcpStream,
    connection: usize,
    script: &(dyn Fn(&Packet) -> Act + Send + Sync),
    told: &Mutex<Vec<Packet>>,
) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut packet = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or(0)];
        stream.read_exact(&mut packet)?;
        let (letter, data) = packet.split_first().unwrap_or((&0, &[]));
        let packet = Packet {
            connection,
            letter: char::from(*letter),
            data: data.to_vec(),
        };
        let act = script(&packet);
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(packet);
        match act {
            Act::Send(octets) => stream.write_all(&octets)?,
            Act::Silence => {}
            Act::Close => return Ok(()),
        }
    }
}
