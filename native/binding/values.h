// The Python types of the exchange and their registration in `sesha._native`.
#ifndef SESHA_BINDING_VALUES_H_
#define SESHA_BINDING_VALUES_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "exchange/message.h"

namespace sesha::binding {

/// Adds Handle, Lease, Tensor, Message and the functions of the codec to `module`. 0, or -1 with an
/// exception.
int add_values(PyObject* module);

/// `sesha._native.Handle`: an object that stays in its interpreter. From Python: `interpreter`
/// (index), `token` (a number that names the object), `closed`, `close()` (idempotent; frees the
/// object soon, in any thread, without waiting) and `Handle(other)`, one more handle to the same
/// object. May be subclassed. Sent to its own interpreter it arrives as the very object; sent
/// anywhere else or closed, it is an error. It can't be copied or pickled.
PyTypeObject* handle_type();
/// A Handle that takes over the caller's reference to `lease`, also on failure.
PyObject* handle_from_lease(sesha_lease* lease);
/// The lease of a Handle (a subclass too): borrowed; null with ValueError if it is closed.
sesha_lease* handle_lease(PyObject* handle);

/// `sesha._native.Message` that owns `message`, also on failure.
PyObject* message_object(sesha_message* message);
/// Takes the message out of a Message object; null with an exception if it is another type or was
/// taken before.
sesha_message* take_message(PyObject* object);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_VALUES_H_
