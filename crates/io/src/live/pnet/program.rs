//! Two classic BPF programs, each the opposite of the other: does the frame have a VLAN tag that
//! the kernel took out of it?

use crate::live::sys::socket::Instruction;

/// `ld vlan_present`: what stands beside the frame is read as if it lay before its beginning.
#[allow(
    clippy::cast_sign_loss,
    reason = "the kernel takes the offset for a negative number"
)]
const LOAD: Instruction = instruction(
    0x20,
    0,
    (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT) as u32,
);
/// `jeq #0`: the next instruction where there is no tag, otherwise the one after it.
const IF_NONE: Instruction = instruction(0x15, 1, 0);

/// All of a frame without a tag, nothing of one with a tag.
pub(super) const UNTAGGED: [Instruction; 4] = [LOAD, IF_NONE, hear(u32::MAX), hear(0)];

/// One byte of a frame with a tag, nothing of one without.
pub(super) const TAGGED: [Instruction; 4] = [LOAD, IF_NONE, hear(0), hear(1)];

/// `ret #bytes`: how much of the frame is heard.
const fn hear(bytes: u32) -> Instruction {
    instruction(0x06, 0, bytes)
}

const fn instruction(code: u16, jump_if_false: u8, k: u32) -> Instruction {
    Instruction {
        code,
        jt: 0,
        jf: jump_if_false,
        k,
    }
}
