//! The native methods of `io.ferry.bridge.NativeCore`, for the plugin.
//!
//! Each is the same three steps: arguments in (`convert`), a verb inside the guard, the result or
//! one exception out (`throw`). Blocks the calling thread of the JVM; never calls Java back, and
//! attaches no thread.
//!
//! Classes are looked up by `FindClass` within the call, which asks the loader of `NativeCore`.
//! Nothing of them is kept: a reference that is would keep that loader, and so this library, alive.

mod convert;
#[cfg(debug_assertions)]
mod fault;
mod throw;

use crate::failure::Failure;
use crate::{ABI_VERSION, guard, table, verbs};
use jni::objects::{JByteArray, JClass, JObject, JObjectArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, EnvUnowned, jni_mangle};
use throw::Throw;

type Strings<'a> = JObjectArray<'a, JString<'a>>;

/// The guard's way through JNI: a failure leaves as one exception, and a default is returned.
fn cross<'a, T: Default>(
    env: &mut EnvUnowned<'a>,
    verb: &'static str,
    body: impl FnOnce(&mut Env<'a>) -> Result<T, Failure>,
) -> T {
    env.with_env(|env| guard::run(verb, || body(env)))
        .resolve::<Throw>()
}

/// `int abiVersion()`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn abi_version<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>) -> jint {
    cross(&mut env, "abiVersion", |_| Ok(ABI_VERSION))
}

/// `long start(byte[] configJson)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn start<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, json: JByteArray<'a>) -> jlong {
    cross(&mut env, "start", |env| {
        verbs::start(&convert::bytes(env, &json)?)
    })
}

/// `long interceptBegin(long core, String method, String path, String[] headers, byte[] body)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn intercept_begin<'a>(
    mut env: EnvUnowned<'a>,
    _class: JClass<'a>,
    core: jlong,
    method: JString<'a>,
    path: JString<'a>,
    headers: Strings<'a>,
    body: JByteArray<'a>,
) -> jlong {
    cross(&mut env, "interceptBegin", |env| {
        let request = convert::request(env, &method, &path, &headers, &body)?;
        verbs::intercept_begin(core, request)
    })
}

/// `void interceptEnd(long core, long interception, int status)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn intercept_end<'a>(
    mut env: EnvUnowned<'a>,
    _class: JClass<'a>,
    core: jlong,
    interception: jlong,
    status: jint,
) {
    cross(&mut env, "interceptEnd", |_| {
        verbs::intercept_end(core, interception, status)
    });
}

/// `Reply handle(long core, String method, String target, String[] headers, byte[] body)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn handle<'a>(
    mut env: EnvUnowned<'a>,
    _class: JClass<'a>,
    core: jlong,
    method: JString<'a>,
    target: JString<'a>,
    headers: Strings<'a>,
    body: JByteArray<'a>,
) -> JObject<'a> {
    cross(&mut env, "handle", |env| {
        let request = convert::request(env, &method, &target, &headers, &body)?;
        let response = verbs::handle(core, request)?;
        convert::reply(env, &response)
    })
}

/// `byte[] metrics(long core)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn metrics<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, core: jlong) -> JByteArray<'a> {
    cross(&mut env, "metrics", |env| {
        let text = verbs::metrics(core)?;
        Ok(env.byte_array_from_slice(text.as_bytes())?)
    })
}

/// `String notReady(long core)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn not_ready<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, core: jlong) -> JString<'a> {
    cross(&mut env, "notReady", |env| match verbs::not_ready(core)? {
        Some(reason) => Ok(env.new_string(reason)?),
        None => Ok(JString::null()),
    })
}

/// `String grpcAddress(long core)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn grpc_address<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, core: jlong) -> JString<'a> {
    cross(&mut env, "grpcAddress", |env| {
        Ok(env.new_string(verbs::grpc_address(core)?)?)
    })
}

/// `long maxBody(long core)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn max_body<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, core: jlong) -> jlong {
    cross(&mut env, "maxBody", |_| verbs::max_body(core))
}

/// `void shutdown(long core)`
#[jni_mangle("io.ferry.bridge.NativeCore")]
pub fn shutdown<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, core: jlong) {
    cross(&mut env, "shutdown", |_| verbs::shutdown(core));
}

/// The class loader of `NativeCore` is gone: no thread may be in this library any more.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
pub extern "system" fn JNI_OnUnload(_vm: *mut jni::sys::JavaVM, _reserved: *mut std::ffi::c_void) {
    // There is nobody left to tell of a failure.
    let _ = guard::run("JNI_OnUnload", || {
        table::close_all();
        Ok(())
    });
}
