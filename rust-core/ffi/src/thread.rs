//! Threads and the end of the library: it may be unmapped while the process goes on.
//!
//! `std::thread` and tokio leave destructors with each thread that uses them. Such a destructor
//! either keeps the library in memory for as long as the thread lives, or runs after the library is
//! gone. The JVM's threads live long. So callers touch locks only; this is how the one thread is
//! made that may use everything else, and what to do when a thread does not end. Called by `owner`,
//! `guard`, and at the library's end.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// As `std` has it; musl's default would be too small.
const STACK: usize = 2 << 20;

/// A thread that must be joined or detached.
pub(crate) struct Thread(libc::pthread_t);

// SAFETY: a thread's id may be used by any thread; musl only spells it as a pointer.
unsafe impl Send for Thread {}

type Body = Box<dyn FnOnce() + Send>;

impl Thread {
    /// Runs `body` on a new thread.
    pub(crate) fn spawn(body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
        let body: Box<Body> = Box::new(Box::new(body));
        let body = Box::into_raw(body);
        let created = create(body.cast());
        if created.is_err() {
            // SAFETY: no thread was made, so the pointer is still ours alone.
            drop(unsafe { Box::from_raw(body) });
        }
        created.map(Thread)
    }

    /// Waits for its end.
    pub(crate) fn join(self) {
        // SAFETY: the id is of a thread that was neither joined nor detached, for both take self.
        unsafe { libc::pthread_join(self.0, std::ptr::null_mut()) };
    }

    /// Lets it run on its own.
    pub(crate) fn detach(self) {
        // SAFETY: as in `join`.
        unsafe { libc::pthread_detach(self.0) };
    }
}

fn create(body: *mut c_void) -> io::Result<libc::pthread_t> {
    let check = |code: i32| match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    };
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: it writes the attributes it is given.
    check(unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) })?;
    // SAFETY: initialized above.
    check(unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK) })?;
    let mut id = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialized, and `enter` takes what `spawn` passes.
    let code = unsafe { libc::pthread_create(id.as_mut_ptr(), attributes.as_ptr(), enter, body) };
    // SAFETY: initialized above, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    check(code)?;
    // SAFETY: pthread_create wrote it, for it succeeded.
    Ok(unsafe { id.assume_init() })
}

extern "C" fn enter(body: *mut c_void) -> *mut c_void {
    #[cfg(target_os = "linux")]
    // SAFETY: it reads a text that ends with NUL, at most 16 bytes.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"ferry-core".as_ptr())
    };
    // SAFETY: `spawn` made the pointer of such a box and gave it to this thread alone.
    let body = unsafe { Box::from_raw(body.cast::<Body>()) };
    // What waits for this thread learns of a panic by the promises that it drops.
    let _ = catch_unwind(AssertUnwindSafe(body));
    std::ptr::null_mut()
}

/// Keeps this library in memory until the process ends: a thread that hangs still runs its code.
pub(crate) fn keep_library() {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: it looks an address of ours up and writes what it finds.
    let code = unsafe { libc::dladdr(keep_library as *const c_void, found.as_mut_ptr()) };
    // SAFETY: all zero is a valid value, and what dladdr wrote is one.
    let found = unsafe { found.assume_init() };
    if code != 0 && !found.dli_fname.is_null() {
        let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // SAFETY: the name is the loader's own; NOLOAD only marks what is there.
        unsafe { libc::dlopen(found.dli_fname, flags) };
    }
}

/// Waits until no thread of the process has a name that begins so: whether none is left.
pub(crate) fn await_gone(begin: &str, bound: Duration) -> bool {
    let end = Instant::now() + bound;
    while any_named(begin) {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn any_named(begin: &str) -> bool {
    let expected = threads();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return false;
    };
    let mut seen = 0;
    let found = tasks.flatten().any(|task| {
        seen += 1;
        let name = std::fs::read_to_string(task.path().join("comm"));
        name.is_ok_and(|name| name.starts_with(begin))
    });
    // A thread that ends meanwhile cuts the list short.
    found || seen < expected
}

/// How many threads the process has.
fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

/// A name for the calling thread's workers that no other thread of the process has. The thread of
/// a connection to SQLite, which a worker makes and nobody joins, begins its own with it.
pub(crate) fn name_of_workers() -> String {
    let own = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    let id = own.file_name().unwrap_or_default().to_string_lossy();
    format!("ferry-{id}.")
}
