//! A pickle walked without building anything, before candle builds it.
//!
//! candle's reader allocates what a length field says, copies whatever the memo hands out and recurses into what it has
//! built: some hundred hostile bytes exhaust the memory or the stack, and neither can be caught. The walk keeps of every
//! value how many nodes it has and how deep it goes, takes time linear in the bytes, and lets through only what candle
//! reads in bounded memory, time and depth. It knows the opcodes that candle knows.

use std::collections::HashMap;

/// Values that candle may build, copies included: it copies at every store into the memo and at every fetch from it. torch
/// needs 76 to 138 for a tensor.
const MAX_NODES: u64 = 1_000_000;
/// Bytes of text that count as one more node, so that the limit on nodes bounds the copies of texts as well.
const TEXT_PER_NODE: u64 = 32;
/// Of values within values; torch's state dictionaries have 6.
const MAX_DEPTH: u32 = 64;
/// Bytes of a string, and of a module's or class's name.
const MAX_TEXT: usize = 4096;
const MAX_MARKS: usize = 1_000;
const MAX_MEMO_INDEX: u32 = 1_000_000;
const MAX_MEMO_ENTRIES: usize = 100_000;
/// candle shifts by eight bits a byte and does not look whether 64 are enough.
const MAX_INTEGER: u8 = 8;

/// Why a pickle is not given to candle.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it ends early: expected {expected} more bytes, found {found}")]
    CutShort { expected: usize, found: usize },
    #[error("it ends without the opcode STOP")]
    NoStop,
    #[error("the opcode {0:#04x} is none that state dictionaries use")]
    Opcode(u8),
    #[error("a string has {0} bytes, expected at most {MAX_TEXT}")]
    Text(usize),
    #[error(
        "a module's or class's name is not 1 to {MAX_TEXT} letters, digits, dots and underscores that a line feed ends"
    )]
    ClassName,
    #[error("an integer has {0} bytes, expected at most {MAX_INTEGER}")]
    Integer(u8),
    #[error("it makes more than {MAX_NODES} values, copies of remembered ones included")]
    Nodes,
    #[error("values are nested deeper than {MAX_DEPTH}")]
    Depth,
    #[error("an opcode takes a value from the stack, and there is none")]
    NoValue,
    #[error("an opcode looks for a mark on the stack, and there is none")]
    NoMark,
    #[error("more than {MAX_MARKS} marks are open")]
    Marks,
    #[error("a memo index is {0}, expected at most {MAX_MEMO_INDEX}")]
    MemoIndex(u32),
    #[error("it remembers more than {MAX_MEMO_ENTRIES} values")]
    MemoEntries,
    #[error("it recalls the value {0}, which it has not remembered")]
    NotRemembered(u32),
}

/// Whether candle can be given the pickle that these bytes begin with; returns the number of nodes it will make.
pub(super) fn scan(bytes: &[u8]) -> Result<u64, Flaw> {
    let mut walk = Walk { rest: bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), made: 0 };
    while let Some((&opcode, rest)) = walk.rest.split_first() {
        walk.rest = rest;
        match opcode {
            b'.' => return walk.pop(1).map(|_| walk.made),
            _ => walk.step(opcode)?,
        }
    }
    Err(Flaw::NoStop)
}

/// An upper bound of what a value is to candle.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// Values in it, itself included and copies counted each.
    nodes: u64,
    /// 1 for a number, 2 for a tuple of numbers.
    depth: u32,
}

impl Extent {
    fn beside(self, other: Self) -> Self {
        Self { nodes: self.nodes.saturating_add(other.nodes), depth: self.depth.max(other.depth) }
    }

    /// These values as the content of one more; without content, a leaf.
    fn enclosed(self) -> Self {
        Self { nodes: self.nodes.saturating_add(1), depth: self.depth.saturating_add(1) }
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    stack: Vec<Extent>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    memo: HashMap<u32, Extent>,
    /// Nodes so far. It bounds the stack, the memo and every value, all of which are made of them.
    made: u64,
}

impl Walk<'_> {
    fn step(&mut self, opcode: u8) -> Result<(), Flaw> {
        match opcode {
            // PROTO
            0x80 => self.take(1).map(drop),
            // NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, and DICT, which candle takes for EMPTY_DICT
            b'N' | 0x88 | 0x89 | b')' | b']' | b'}' | b'd' => self.push_leaf(0),
            // BININT1, BININT2, BININT, BINFLOAT, LONG1
            b'K' => self.number(1),
            b'M' => self.number(2),
            b'J' => self.number(4),
            b'G' => self.number(8),
            0x8a => match self.byte()? {
                length @ ..=MAX_INTEGER => self.number(length.into()),
                length => Err(Flaw::Integer(length)),
            },
            // BINUNICODE
            b'X' => match self.u32()? as usize {
                length @ ..=MAX_TEXT => {
                    self.take(length)?;
                    self.push_leaf(length)
                }
                length => Err(Flaw::Text(length)),
            },
            // GLOBAL
            b'c' => {
                let bytes = self.name()?.saturating_add(self.name()?);
                self.push_leaf(bytes)
            }
            // TUPLE1 and BINPERSID, then TUPLE2, REDUCE, NEWOBJ and BUILD, then TUPLE3, TUPLE
            0x85 | b'Q' => self.enclose(1),
            0x86 | b'R' | 0x81 | b'b' => self.enclose(2),
            0x87 => self.enclose(3),
            b't' => {
                let content = self.pop_to_mark()?;
                self.push_new(content.enclosed())
            }
            // APPEND, SETITEM, APPENDS and SETITEMS
            b'a' => self.pop(1).and_then(|content| self.add(content)),
            b's' => self.pop(2).and_then(|content| self.add(content)),
            b'e' | b'u' => self.pop_to_mark().and_then(|content| self.add(content)),
            // MARK
            b'(' if self.marks.len() >= MAX_MARKS => Err(Flaw::Marks),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            // BINGET, LONG_BINGET, BINPUT, LONG_BINPUT
            b'h' => self.byte().and_then(|index| self.recall(index.into())),
            b'j' => self.u32().and_then(|index| self.recall(index)),
            b'q' => self.byte().and_then(|index| self.remember(index.into())),
            b'r' => self.u32().and_then(|index| self.remember(index)),
            unknown => Err(Flaw::Opcode(unknown)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], Flaw> {
        let cut = Flaw::CutShort { expected: length, found: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Flaw> {
        Ok(self.take(1)?.iter().fold(0, |_, &byte| byte))
    }

    fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(self.take(4)?.iter().rev().fold(0, |number, &byte| (number << 8) | u32::from(byte)))
    }

    fn number(&mut self, length: usize) -> Result<(), Flaw> {
        self.take(length)?;
        self.push_leaf(0)
    }

    /// The length of a name. candle prints such names, so that nothing that a terminal obeys may be in them.
    fn name(&mut self) -> Result<usize, Flaw> {
        let within = self.rest.iter().take(MAX_TEXT.saturating_add(1));
        let length = within.take_while(|&&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
        match self.rest.get(length) {
            Some(b'\n') if (1..=MAX_TEXT).contains(&length) => self.take(length.saturating_add(1)).map(|_| length),
            _ => Err(Flaw::ClassName),
        }
    }

    fn count(&mut self, nodes: u64) -> Result<(), Flaw> {
        self.made = self.made.saturating_add(nodes);
        if self.made > MAX_NODES { Err(Flaw::Nodes) } else { Ok(()) }
    }

    fn push_leaf(&mut self, text: usize) -> Result<(), Flaw> {
        let text = Extent { nodes: text as u64 / TEXT_PER_NODE, depth: 0 };
        self.count(text.nodes)?;
        self.push_new(text.enclosed())
    }

    /// A value of which only the outermost node is new.
    fn push_new(&mut self, value: Extent) -> Result<(), Flaw> {
        self.count(1)?;
        if value.depth > MAX_DEPTH {
            return Err(Flaw::Depth);
        }
        self.stack.push(value);
        Ok(())
    }

    fn enclose(&mut self, values: usize) -> Result<(), Flaw> {
        let content = self.pop(values)?;
        self.push_new(content.enclosed())
    }

    /// The values above the uppermost mark: candle would take a mark itself for a value.
    fn above_mark(&self) -> usize {
        self.stack.len().saturating_sub(self.marks.last().copied().unwrap_or(0))
    }

    fn pop(&mut self, values: usize) -> Result<Extent, Flaw> {
        if self.above_mark() < values {
            return Err(Flaw::NoValue);
        }
        let kept = self.stack.len().saturating_sub(values);
        Ok(self.stack.drain(kept..).fold(Extent::default(), Extent::beside))
    }

    fn pop_to_mark(&mut self) -> Result<Extent, Flaw> {
        let above = self.above_mark();
        if self.marks.is_empty() {
            return Err(Flaw::NoMark);
        }
        let content = self.pop(above)?;
        self.marks.pop();
        Ok(content)
    }

    fn top(&mut self) -> Result<&mut Extent, Flaw> {
        if self.above_mark() == 0 {
            return Err(Flaw::NoValue);
        }
        self.stack.last_mut().ok_or(Flaw::NoValue)
    }

    /// Content for the list or dictionary on top of the stack.
    fn add(&mut self, content: Extent) -> Result<(), Flaw> {
        let top = self.top()?;
        top.nodes = top.nodes.saturating_add(content.nodes);
        top.depth = top.depth.max(content.depth.saturating_add(1));
        if top.depth > MAX_DEPTH { Err(Flaw::Depth) } else { Ok(()) }
    }

    fn remember(&mut self, index: u32) -> Result<(), Flaw> {
        if index > MAX_MEMO_INDEX {
            return Err(Flaw::MemoIndex(index));
        }
        let value = *self.top()?;
        self.count(value.nodes)?;
        self.memo.insert(index, value);
        if self.memo.len() > MAX_MEMO_ENTRIES { Err(Flaw::MemoEntries) } else { Ok(()) }
    }

    fn recall(&mut self, index: u32) -> Result<(), Flaw> {
        let value = *self.memo.get(&index).ok_or(Flaw::NotRemembered(index))?;
        self.count(value.nodes)?;
        self.stack.push(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pickle(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |tuples: usize| scan(&pickle(&[b")", &b"\x85".repeat(tuples), b"."]));
        assert_eq!(nested(3_000_000), Err(Flaw::Depth));
        assert_eq!(nested(MAX_DEPTH as usize), Err(Flaw::Depth));
        assert_eq!(nested(MAX_DEPTH as usize - 1), Ok(64));
    }

    #[test]
    fn nesting_by_appending_is_refused() {
        assert_eq!(scan(&pickle(&[&b"]".repeat(100), &b"a".repeat(99), b"."])), Err(Flaw::Depth));
        assert_eq!(scan(&pickle(&[b"}", &b"N}".repeat(99), &b"s".repeat(99), b"."])), Err(Flaw::Depth));
    }

    #[test]
    fn memo_bombs_are_refused() {
        assert_eq!(scan(&pickle(&[b")q\0", &b"h\0h\0\x86q\0".repeat(60), b"."])), Err(Flaw::Nodes));
        // Storing a large value again and again costs candle time instead of memory.
        let list = pickle(&[b"](", &b"N".repeat(400_000), b"e", &b"q\0".repeat(1_000), b"."]);
        assert_eq!(scan(&list), Err(Flaw::Nodes));
        let text = pickle(&[b"X\0\x10\0\0", &[b'a'; 4096], b"q\0", &b"h\0".repeat(100_000), b"."]);
        assert_eq!(scan(&text), Err(Flaw::Nodes));
    }

    #[test]
    fn strings_longer_than_the_limit_or_the_file_are_refused() {
        assert_eq!(scan(b"X\xff\xff\xff\xff."), Err(Flaw::Text(u32::MAX as usize)));
        assert_eq!(scan(b"X\x01\x10\0\0."), Err(Flaw::Text(4097)));
        assert_eq!(scan(b"X\0\x10\0\0."), Err(Flaw::CutShort { expected: 4096, found: 1 }));
    }

    #[test]
    fn class_names_that_could_command_a_terminal_are_refused() {
        assert_eq!(scan(b"ctorch\nFloatStorage\n."), Ok(1));
        for hostile in [&b"ctorch\nF\x1b]0;x\n."[..], b"c\nF\n.", b"ctorch\nF G\n.", b"ctorch\nF\r\n.", b"ctorch\nF"] {
            assert_eq!(scan(hostile), Err(Flaw::ClassName), "{hostile:?}");
        }
        assert_eq!(scan(&pickle(&[b"c", &[b'a'; 4097], b"\nF\n."])), Err(Flaw::ClassName));
    }

    #[test]
    fn floods_of_values_marks_and_memo_entries_are_refused() {
        assert_eq!(scan(&pickle(&[b"(", &b"K\x01".repeat(1_000_001), b"t."])), Err(Flaw::Nodes));
        assert_eq!(scan(&pickle(&[&b"(".repeat(1_001), b"N."])), Err(Flaw::Marks));
        assert_eq!(scan(b"Nr\x41\x42\x0f\0."), Err(Flaw::MemoIndex(1_000_001)));
        let puts: Vec<u8> = (0..100_001_u32).flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat()).collect();
        assert_eq!(scan(&pickle(&[b"N", &puts, b"."])), Err(Flaw::MemoEntries));
    }

    #[test]
    fn integers_that_overflow_a_shift_are_refused() {
        assert_eq!(scan(b"\x8a\x08\0\0\0\0\0\0\0\0."), Ok(1));
        assert_eq!(scan(b"\x8a\x09\0\0\0\0\0\0\0\0\0."), Err(Flaw::Integer(9)));
    }

    #[test]
    fn broken_programs_are_refused() {
        assert_eq!(scan(b""), Err(Flaw::NoStop));
        assert_eq!(scan(b"\x80\x02}"), Err(Flaw::NoStop));
        assert_eq!(scan(b"."), Err(Flaw::NoValue));
        assert_eq!(scan(b"(."), Err(Flaw::NoValue));
        assert_eq!(scan(b"N(q\0."), Err(Flaw::NoValue));
        assert_eq!(scan(b"N(\x86."), Err(Flaw::NoValue));
        assert_eq!(scan(b"Nt."), Err(Flaw::NoMark));
        assert_eq!(scan(b"h\x05."), Err(Flaw::NotRemembered(5)));
        assert_eq!(scan(b"\x95."), Err(Flaw::Opcode(0x95)));
    }
}
