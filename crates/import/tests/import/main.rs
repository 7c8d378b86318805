//! Whole files in, inventories and diagnostics out.

#[cfg(test)]
mod dumps;
#[cfg(test)]
mod formation;
#[cfg(test)]
mod formation_values;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod support;
mod writing;
