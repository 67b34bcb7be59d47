//! A part of an archive that has been written before the archive is serialized.

use std::marker::PhantomData;

use rkyv::rancor::Fallible;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Place, Serialize};

/// `len` elements that are in the serializer's output already, from a certain word on. Archives as a `Vec<T>` does.
#[derive(Debug)]
pub(crate) struct Placed<T> {
    word: usize,
    len: usize,
    of: PhantomData<T>,
}

impl<T> Placed<T> {
    pub(crate) fn new(word: usize, len: usize) -> Placed<T> {
        Placed { word, len, of: PhantomData }
    }
}

impl<T: Archive> Archive for Placed<T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(self.len, resolver, out);
    }
}

impl<T: Archive, S: Fallible + ?Sized> Serialize<S> for Placed<T> {
    fn serialize(&self, _: &mut S) -> Result<VecResolver, S::Error> {
        Ok(VecResolver::from_pos(self.word * 8))
    }
}
