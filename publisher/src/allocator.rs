//! Memory that the C library keeps after a large payload.

/// Makes the C library give large buffers back to the system as soon as they are free. By default it learns from the first
/// large payload to keep up to 64 MiB for the next one, which comes once in an hour.
///
/// For programs of which publishing is the whole life; it holds for every thread of the process. Does nothing where the
/// allocator is another one.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: `mallopt` sets a number inside the allocator; any thread may call it at any time.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20) };
        // Small payloads find the memory of the one before: without this, each pays for its pages again.
        // SAFETY: as above.
        let _ = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20) };
    }
}

/// Gives back what is free now. For a process that does other things beside publishing, whose allocator is not ours to set up.
///
/// Takes 0.5 to 3 ms in a small process. In one with a fragmented heap of 1 GiB it took 6 to 120 ms, in which no other thread
/// of the same arena can allocate: not to be called often. Does nothing where the allocator is another one.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and the allocator's own locks; any thread may call it at any time.
    unsafe {
        libc::malloc_trim(0);
    };
}
