//! Which groups an address is in: shared, changed one entry at a time.

/// The membership directory (address or delegated prefix → groups).
#[derive(Debug, Default)]
pub struct Directory {}
