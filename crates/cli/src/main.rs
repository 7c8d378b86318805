//! The `secgroup` command.
fn main() {}
