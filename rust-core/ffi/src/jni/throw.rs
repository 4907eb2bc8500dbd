//! A failure leaves as exactly one `io.ferry.bridge.FerryException(kind, message)`.
//!
//! An exception that is pending already, such as an OutOfMemoryError, stays as it is. When not even
//! the exception can be made, what the JVM threw meanwhile is what the caller sees.

use crate::failure::{Failure, Kind};
use jni::errors::{Error, ErrorPolicy};
use jni::objects::{JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};
use std::any::Any;

/// The policy of every native method.
pub(super) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'local: 'method, 'method> = ();

    fn on_error<'local: 'method, 'method>(
        env: &mut Env<'local>,
        _captures: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        throw(env, &failure)?;
        Ok(T::default())
    }

    // The guard is inside: a panic gets here only if the guard itself has one.
    fn on_panic<'local: 'method, 'method>(
        env: &mut Env<'local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send>,
    ) -> jni::errors::Result<T> {
        throw(env, &Failure::panic(payload.as_ref()))?;
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, failure: &Failure) -> jni::errors::Result<()> {
    if env.exception_check() {
        return Ok(());
    }
    let class = env.find_class(jni_str!("io/ferry/bridge/FerryException"))?;
    let kind = env.new_string(failure.kind.name())?;
    let message = env.new_string(&failure.message)?;
    let exception = env.new_object(
        class,
        jni_sig!("(Ljava/lang/String;Ljava/lang/String;)V"),
        &[JValue::Object(&kind), JValue::Object(&message)],
    )?;
    let exception = env.cast_local::<JThrowable>(exception)?;
    match env.throw(exception) {
        // That is how jni says that it is thrown.
        Ok(()) | Err(Error::JavaException) => Ok(()),
        Err(error) => Err(error),
    }
}

impl From<Error> for Failure {
    /// Of a JNI call that did not do what it was asked.
    fn from(error: Error) -> Failure {
        let kind = match error {
            Error::NullPtr(_) => Kind::BadArgument,
            _ => Kind::Internal,
        };
        Failure::new(kind, format!("JNI: {error}"))
    }
}
