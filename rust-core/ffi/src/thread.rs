//! A core's own thread, made so that nothing of this library stays with the thread that makes it.
//!
//! The C library unmaps a library only when no thread has a destructor of it to run. `std::thread`
//! and tokio leave such destructors with whoever calls them, and the JVM's threads live long: each
//! load of the plugin would stay in memory. So callers touch locks only, and this is how the one
//! thread is made that may use everything else. `owner` is the only one to call it.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
