// Python values to messages and back.
//
// Every function needs this interpreter's GIL and follows CPython's conventions: null (or -1) with
// an exception set on failure. A failed encode leaves nothing behind: leases taken so far are
// released.
//
// A message is native throughout (None, bool, int, float, complex, str, bytes, bytearray, list,
// tuple, dict, set, frozenset, slice, range, Ellipsis, ndarray, torch.Tensor, Parameter,
// memoryview, Handle: exact types), or it holds one pickle of the whole value with the arrays in it
// as native parts. Either way, what is one mutable object (or one array) in several places arrives
// as one object.
#ifndef SESHA_BINDING_CODEC_H_
#define SESHA_BINDING_CODEC_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "exchange/message.h"

namespace sesha::binding {

/// A call. `fn`: a callable, "module:qualname" or a Handle; `args`: a tuple; `kwargs`: a dict or
/// null. Set SESHA_MESSAGE_KEEP_RESULT in the result's flags to have a Handle for an answer.
/// TypeError names the path to what can't cross, such as `args[0]['x'].sock`.
sesha_message* encode_call(PyObject* fn, PyObject* args, PyObject* kwargs);
/// A value by itself; `root` is the name that error messages give it ("value", "result").
sesha_message* encode_value(PyObject* value, const char* root);
/// The value of a Handle: an object of this interpreter, lent by `lease`, which is taken over.
sesha_message* encode_kept(sesha_lease* lease);
/// The exception that is set, which is cleared. Null only without memory for a message.
sesha_message* encode_exception();

/// Function (new reference), arguments (a tuple) and keywords (a dict or null) of a call. Does not
/// consume `message`.
int decode_call(const sesha_message* message, PyObject** fn, PyObject** args, PyObject** kwargs);
/// The value (new reference). Does not consume `message`.
PyObject* decode_value(const sesha_message* message);
/// The value of a reply, or the exception that it carries, raised here. Consumes `reply` in every
/// case.
PyObject* decode_reply(sesha_message* reply);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_CODEC_H_
