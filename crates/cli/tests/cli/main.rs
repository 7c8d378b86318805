//! `secgroup` from outside: what is typed, and what comes out.

mod golden;
mod support;
