//! Live frames: where they are heard, where they go on, and who waits for a verdict.
//!
//! Three small traits carry everything that the runtime does with a device:
//!
//! | trait | question | backends |
//! |---|---|---|
//! | [`Receiver`] | which frames came? | all of them; alone: a capture socket that only watches |
//! | [`Port`] | and send these on | `af-packet`, `tap`, `pnet`, `af-xdp`, capture files, memory |
//! | [`Queue`] | and this is what becomes of them | `nfqueue` |
//!
//! A frame is bytes from its link-layer header on, with every VLAN tag *in* the bytes, and the
//! [`VnetHeader`] that says which checksum and segmentation work its sender left undone. A backend
//! whose kernel interface hands the tag over beside the frame puts it back before anyone sees the
//! frame, and moves the offsets of the header with it: from here on there is one way a frame can
//! look, and a tag cannot get lost on the way from one port to the next.
//!
//! Frames are received and sent in bursts. Received frames lie in the receiver (a ring, a buffer)
//! until its next [`receive`](Receiver::receive); nothing is copied on the way to the verdict.

pub mod af_packet;
pub mod af_xdp;
mod arena;
pub mod device;
mod finish;
mod frame;
pub mod host_rules;
pub mod identity;
pub mod memory;
pub mod nfqueue;
pub mod pnet;
mod port;
pub mod rehearsal;
mod route;
pub mod shield;
mod sys;
pub mod tap;

pub use self::frame::{Checksum, Heard, LiveFrame, VnetHeader};
pub use self::port::{
    BURST, Gone, PacketId, Port, PortDrops, Queue, QueueVerdict, ReceiveError, Receiver, Settle,
    Transmitted,
};
