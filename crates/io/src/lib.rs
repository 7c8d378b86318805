#![deny(unsafe_code)]
#![doc = include_str!("../README.md")]

mod capture;
pub mod live;

pub use crate::capture::{
    AnnotatedWriter, BATCH_MAX, Batch, Block, Capture, CaptureError, CaptureErrorKind,
    CaptureWriter, Damage, Link, MAX_BLOCK_LEN, MAX_CAPTURED_LEN, MAX_WARNINGS, Record, Warning,
    WriteError, WriteFormat,
};
