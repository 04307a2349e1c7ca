// A slot that Python code holds: the native side of a session.
#ifndef SESHA_BINDING_HOLD_H_
#define SESHA_BINDING_HOLD_H_

#include "binding/pool.h"

namespace sesha::binding {

/// `sesha._native.Hold`, which takes over the caller's slot also on failure.
PyObject* hold_object(Dispatcher* dispatcher, sesha_slot* slot);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_HOLD_H_
