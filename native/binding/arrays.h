// Arrays, tensors and buffers: the values that lend their memory.
#ifndef SESHA_BINDING_ARRAYS_H_
#define SESHA_BINDING_ARRAYS_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding/encoder.h"
#include "binding/stream.h"

namespace sesha::binding {

/// Writes numpy's arrays and scalars, torch's tensors, memoryviews, mmaps and whatever speaks
/// DLPack.
Outcome encode_array(Encoder& encoder, PyObject* value);

/// `value` is a plain torch.Tensor, or a Parameter.
Outcome encode_torch(Encoder& encoder, PyObject* value, bool is_parameter);
/// `value` speaks DLPack and is none of numpy's or torch's.
Outcome encode_foreign(Encoder& encoder, PyObject* value);
/// The extent that `count` dimensions reach, in bytes relative to the first item; false if there
/// are no items.
bool reach(int32_t ndim, const int64_t* shape, const int64_t* strides, int64_t itemsize,
           int64_t* low, int64_t* high);

/// Each reads what follows its opcode and returns a new reference, or null with an exception.
PyObject* decode_array(Reader& reader, const sesha_message* message);
PyObject* decode_scalar(Reader& reader);
PyObject* decode_memoryview(Reader& reader, const sesha_message* message);
PyObject* decode_torch(Reader& reader, const sesha_message* message);
PyObject* decode_foreign(Reader& reader, const sesha_message* message);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_ARRAYS_H_
