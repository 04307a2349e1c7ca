// `sesha.Tensor`: borrowed memory that speaks DLPack, for arrays of libraries that have no
// `from_dlpack` here.
#ifndef SESHA_BINDING_TENSOR_OBJECT_H_
#define SESHA_BINDING_TENSOR_OBJECT_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding/encoder.h"
#include "exchange/dlpack.h"
#include "exchange/lease.h"

namespace sesha::binding {

PyTypeObject* tensor_type();

/// Retains `lease` (null without bytes) and copies shape and strides, which must not be null. Null
/// with MemoryError.
PyObject* tensor_object(const DLTensor& tensor, sesha_lease* lease, bool readonly);

Outcome encode_tensor_object(Encoder& encoder, PyObject* value);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_TENSOR_OBJECT_H_
