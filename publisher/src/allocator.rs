//! The allocator of a process that does nothing but publish.

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
