//! The native methods of `io.ferry.bridge.Fault`, a class that only tests have.
//!
//! In builds with debug assertions only, as `crate::fault` is.

use super::cross;
use crate::failure::Failure;
use crate::fault::{Fault, arm as arm_fault};
use jni::objects::{JClass, JString, JThrowable};
use jni::{EnvUnowned, jni_mangle};

/// `void arm(String verb, String fault)`
#[jni_mangle("io.ferry.bridge.Fault")]
pub fn arm<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, verb: JString<'a>, fault: JString<'a>) {
    cross(&mut env, "arm", |env| {
        let fault = match fault.try_to_string(env)?.as_str() {
            "panic" => Fault::Panic,
            "error" => Fault::Error,
            "task-panic" => Fault::TaskPanic,
            "task-hang" => Fault::TaskHang,
            other => return Err(Failure::argument(format!("there is no fault {other}"))),
        };
        arm_fault(&verb.try_to_string(env)?, fault);
        Ok(())
    });
}

/// `void pend(Throwable exception)`: fails while `exception` is pending.
#[jni_mangle("io.ferry.bridge.Fault")]
pub fn pend<'a>(mut env: EnvUnowned<'a>, _class: JClass<'a>, exception: JThrowable<'a>) {
    cross(&mut env, "pend", |env| Ok(env.throw(exception)?));
}
