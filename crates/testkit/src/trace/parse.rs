//! From the text of a table to its steps.

use std::iter::Peekable;
use std::net::{IpAddr, SocketAddr};
use std::str::{FromStr, SplitWhitespace};

use super::{Action, Step, one_space};
use crate::frame::{self, TcpNumbers};

/// The steps of `table`; or the line that cannot be read, and why.
pub(super) fn table<'t>(
    table: &'t str,
    frames: &[(&str, Vec<u8>)],
) -> Result<Vec<Step>, (&'t str, String)> {
    let mut steps: Vec<Step> = Vec::new();
    for line in table.lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let step = step(text, &steps, frames).map_err(|error| (line, error))?;
        steps.push(step);
    }
    Ok(steps)
}

fn step(line: &str, before: &[Step], frames: &[(&str, Vec<u8>)]) -> Result<Step, String> {
    let (what, expected) = line
        .rsplit_once('|')
        .ok_or("there is no `|` before the outcome")?;
    let (when, what) = what
        .trim()
        .split_once(char::is_whitespace)
        .ok_or("there is nothing after the time")?;
    let what = what.trim();
    let action = match what.strip_prefix('!') {
        Some(words) => Action::Event(words.trim().to_owned()),
        None => Action::Packet(packet(what, before, frames)?),
    };
    let last = before.last().map_or(0, |step| step.time);
    let time = match when.strip_prefix('+') {
        Some(after) => last + nanoseconds(after)?,
        None => nanoseconds(when)?,
    };
    Ok(Step {
        time,
        action,
        text: one_space(what),
        expected: one_space(expected),
    })
}

/// Seconds with up to nine decimals, exactly.
fn nanoseconds(text: &str) -> Result<u64, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let wrong = || format!("`{text}` is not a number of seconds such as 0.010");
    if decimals.is_empty() || decimals.len() > 9 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds: u64 = whole.parse().map_err(|_| wrong())?;
    let decimals: u64 = format!("{decimals:0<9}").parse().map_err(|_| wrong())?;
    seconds
        .checked_mul(1_000_000_000)
        .and_then(|ns| ns.checked_add(decimals))
        .ok_or_else(wrong)
}

/// What the words after the protocol say.
#[derive(Default)]
struct Options {
    payload: Vec<u8>,
    numbers: TcpNumbers,
    id: Option<u16>,
    seq: Option<u32>,
    quotes: Option<usize>,
    cut: Option<usize>,
    ttl: Option<u8>,
    ip_id: Option<u16>,
    extensions: Vec<(u8, usize)>,
    piece: Option<(std::ops::Range<usize>, bool)>,
    vlan: Option<u16>,
}

fn packet(text: &str, before: &[Step], frames: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, String> {
    // The payload goes first, since its text may hold any word.
    let (text, payload) = match text.split_once('"') {
        Some((head, rest)) => {
            let (payload, tail) = rest
                .split_once('"')
                .ok_or("the payload has no closing `\"`")?;
            (format!("{head} {tail}"), payload.as_bytes().to_vec())
        }
        None => (text.to_owned(), Vec::new()),
    };
    let mut words = text.split_whitespace().peekable();
    if words.next_if_eq(&"frame").is_some() {
        let name = words.next().ok_or("`frame` is followed by a name")?;
        let known = frames.iter().find(|(known, _)| *known == name);
        return known
            .map(|(_, frame)| frame.clone())
            .ok_or_else(|| format!("no frame is called `{name}`"));
    }
    let src = words.next().ok_or("there is no source")?;
    if words.next() != Some(">") {
        return Err("there is no `>` behind the source".to_owned());
    }
    let dst = words.next().ok_or("there is no destination")?;
    let kind = words
        .next()
        .ok_or("there is no protocol behind the destination")?;
    let detail = match kind {
        "tcp" | "icmp" | "icmp6" | "proto" => words
            .next()
            .ok_or_else(|| format!("`{kind}` is followed by its flags or numbers"))?,
        _ => "",
    };
    let mut options = options(&mut words)?;
    options.payload.extend(payload);
    let frame = build(src, dst, kind, detail, &options, before)?;
    Ok(dress(frame, &options))
}

fn options(words: &mut Peekable<SplitWhitespace<'_>>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{word}` is followed by a value"))?;
        match word {
            "len" => options.payload = vec![b'x'; number(value)?],
            "seq" => {
                options.numbers.seq = number(value)?;
                options.seq = Some(options.numbers.seq);
            }
            "ack" => options.numbers.ack = number(value)?,
            "win" => options.numbers.window = number(value)?,
            "id" => options.id = Some(number(value)?),
            "quotes" => options.quotes = Some(number(value)?),
            "cut" => options.cut = Some(number(value)?),
            "ttl" => options.ttl = Some(number(value)?),
            "ipid" => options.ip_id = Some(number(value)?),
            "vlan" => options.vlan = Some(number(value)?),
            "ext" => {
                let numbers = value.split(',').map(|value| Ok((number(value)?, 8)));
                options.extensions = numbers.collect::<Result<_, String>>()?;
            }
            "piece" => {
                let (range, more) = match value.strip_suffix('+') {
                    Some(range) => (range, true),
                    None => (value, false),
                };
                let (from, to) = range
                    .split_once("..")
                    .ok_or("a piece is written A..B or A..B+")?;
                options.piece = Some((number(from)?..number(to)?, more));
            }
            _ => return Err(format!("the word `{word}` means nothing here")),
        }
    }
    Ok(options)
}

fn build(
    src: &str,
    dst: &str,
    kind: &str,
    detail: &str,
    options: &Options,
    before: &[Step],
) -> Result<Vec<u8>, String> {
    ends_parse(kind, [src, dst])?;
    let (id, payload) = (options.id, &options.payload);
    let seq = u16::try_from(options.seq.unwrap_or(1));
    let seq = || seq.map_err(|_| "the sequence number of an echo has 16 bits");
    Ok(match kind {
        "tcp" if detail.contains(|letter| !"SAFRPUEC-".contains(letter)) => {
            return Err(format!(
                "`{detail}` are not TCP flags: write SAFRPUEC, or - for none"
            ));
        }
        "tcp" => frame::tcp_numbered(src, dst, detail, options.numbers, payload),
        "udp" => frame::udp(src, dst, payload),
        "ping" => frame::ping(src, dst, id.unwrap_or(1), seq()?),
        "pong" => frame::pong(src, dst, id.unwrap_or(1), seq()?),
        "proto" => frame::raw_proto(src, dst, number(detail)?, payload),
        "arp" => frame::arp(src, dst),
        "icmp" | "icmp6" => {
            let (icmp_type, code) = detail
                .split_once('/')
                .ok_or("ICMP is followed by TYPE/CODE")?;
            let (icmp_type, code) = (number(icmp_type)?, number(code)?);
            if let Some(number) = options.quotes {
                let quoted = quoted(number, options.cut, before)?;
                return Ok(frame::quote_bytes(quoted, icmp_type, code, src, dst));
            }
            let id = id.unwrap_or(0).to_be_bytes();
            let builder = if kind == "icmp" {
                frame::icmp
            } else {
                frame::icmp6
            };
            builder(src, dst, icmp_type, code, [id[0], id[1], 0, 0], payload)
        }
        other => {
            return Err(format!(
                "`{other}` is not a protocol of this table: see its manual"
            ));
        }
    })
}

/// Checks both ends before a builder does, which could not name the line.
fn ends_parse(kind: &str, ends: [&str; 2]) -> Result<(), String> {
    let with_port = matches!(kind, "tcp" | "udp");
    for end in ends {
        if with_port {
            end.parse::<SocketAddr>()
                .map_err(|_| format!("`{end}` is not address:port"))?;
        } else {
            end.parse::<IpAddr>()
                .map_err(|_| format!("`{end}` is not an address"))?;
        }
    }
    Ok(())
}

/// The IP packet of the table's packet `number`, or its first `cut` bytes.
fn quoted(number: usize, cut: Option<usize>, before: &[Step]) -> Result<&[u8], String> {
    let mut packets = before.iter().filter_map(|step| match &step.action {
        Action::Packet(frame) => Some(frame),
        Action::Event(_) => None,
    });
    let frame = number.checked_sub(1).and_then(|index| packets.nth(index));
    let packet = frame::ip(frame.ok_or_else(|| format!("there is no packet {number} above"))?);
    let cut = cut.unwrap_or(packet.len());
    packet
        .get(..cut)
        .ok_or_else(|| format!("packet {number} has no {cut} bytes to quote"))
}

/// What lies around the upper-layer packet: the IP header's fields first, then fragmentation, then
/// the link.
fn dress(mut frame: Vec<u8>, options: &Options) -> Vec<u8> {
    if let Some(ttl) = options.ttl {
        frame = frame::with_hop_limit(frame, ttl);
    }
    if !options.extensions.is_empty() {
        frame = frame::with_extensions(frame, &options.extensions);
    }
    if let Some((range, more)) = options.piece.clone() {
        let id = options.ip_id.map_or(frame::FRAGMENT_ID, u32::from);
        frame = frame::piece(&frame, id, range, more);
    } else if let Some(id) = options.ip_id {
        frame = frame::with_ip_id(frame, id);
    }
    if let Some(vlan) = options.vlan {
        frame = frame::with_vlan(frame, vlan);
    }
    frame
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number that fits here"))
}
