//! All flags of one generation as one block of bytes: built by the publisher, checked and looked up by everybody.

pub(crate) mod changed_places;
pub(crate) mod checked;
pub(crate) mod difference;
pub(crate) mod lookup;
pub(crate) mod perfect;
pub(crate) mod placed;
pub(crate) mod records;
pub(crate) mod shape;
pub(crate) mod table;
pub(crate) mod type_counts;
