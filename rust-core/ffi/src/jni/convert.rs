//! Java's arrays and strings to Rust's and back. Copies: nothing of the JVM is held across a call.
//!
//! Called by the native methods. Every null is told as BAD_ARGUMENT, with the argument's name.

use crate::failure::Failure;
use crate::verbs::Crossing;
use bytes::Bytes;
use http::Response;
use jni::objects::{JByteArray, JObject, JObjectArray, JString, JValue};
use jni::refs::Reference;
use jni::{Env, jni_sig, jni_str};

/// The bytes of an array.
pub(super) fn bytes(env: &Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>, Failure> {
    present(array, "a byte array")?;
    Ok(env.convert_byte_array(array)?)
}

/// A request's parts.
pub(super) fn request<'a>(
    env: &mut Env<'a>,
    method: &JString<'a>,
    target: &JString<'a>,
    headers: &JObjectArray<'a, JString<'a>>,
    body: &JByteArray<'a>,
) -> Result<Crossing, Failure> {
    present(method, "the method")?;
    present(target, "the path")?;
    present(headers, "the array of headers")?;
    Ok(Crossing {
        method: method.try_to_string(env)?,
        target: target.try_to_string(env)?,
        headers: strings(env, headers)?,
        body: bytes(env, body)?,
    })
}

fn strings<'a>(
    env: &mut Env<'a>,
    array: &JObjectArray<'a, JString<'a>>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let length = array.len(env)?;
    let mut strings = Vec::with_capacity(length);
    for index in 0..length {
        let string = array.get_element(env, index)?;
        present(&string, "a header's name or value")?;
        strings.push(string.try_to_string(env)?.into_bytes());
        // The JVM has room for few of them per call.
        env.delete_local_ref(string);
    }
    Ok(strings)
}

/// A new `io.ferry.bridge.Reply`.
pub(super) fn reply<'a>(
    env: &mut Env<'a>,
    response: &Response<Bytes>,
) -> Result<JObject<'a>, Failure> {
    let pairs = response.headers();
    let headers = JObjectArray::<JString>::new(env, pairs.len() * 2, JString::null())?;
    for (index, (name, value)) in pairs.iter().enumerate() {
        let value = String::from_utf8_lossy(value.as_bytes());
        for (offset, text) in [name.as_str(), &value].into_iter().enumerate() {
            let text = env.new_string(text)?;
            headers.set_element(env, index * 2 + offset, &text)?;
            env.delete_local_ref(text);
        }
    }
    let body = env.byte_array_from_slice(response.body())?;
    let class = env.find_class(jni_str!("io/ferry/bridge/Reply"))?;
    Ok(env.new_object(
        class,
        jni_sig!("(I[Ljava/lang/String;[B)V"),
        &[
            JValue::Int(response.status().as_u16().into()),
            JValue::Object(&headers),
            JValue::Object(&body),
        ],
    )?)
}

fn present(object: &impl Reference, what: &str) -> Result<(), Failure> {
    match object.is_null() {
        true => Err(Failure::argument(format!("{what} is null"))),
        false => Ok(()),
    }
}
