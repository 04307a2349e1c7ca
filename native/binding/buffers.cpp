// numpy's arrays and scalars, and what speaks the buffer protocol.
#include <string>
#include <string_view>

#include "binding/arrays.h"
#include "binding/frameworks.h"
#include "binding/lease_object.h"
#include "binding/tensor_object.h"

namespace sesha::binding {
namespace {

/// Gives a buffer back when its lease ends; the exporter may not resize meanwhile.
void release_buffer(void* context) {
  auto* view = static_cast<Py_buffer*>(context);
  PyBuffer_Release(view);
  PyMem_RawFree(view);
}

/// Writes head, shape and strides of what `view` shows. Consumes the view's buffer (also on
/// failure).
bool encode_view(Encoder& encoder, Opcode opcode, Py_buffer& view) {
  ArrayHead head{};
  head.data = static_cast<char*>(view.buf);
  head.low = head.data;
  head.itemsize = view.itemsize;
  head.lease = kNoLease;
  head.ndim = view.ndim;
  head.readonly = view.readonly != 0;
  head.contiguous = PyBuffer_IsContiguous(&view, 'C') != 0;
  // Copied, since the buffer may be given back before they are written.
  int64_t extents[2 * PyBUF_MAX_NDIM];
  for (int i = 0; i < view.ndim; ++i) {
    extents[i] = view.shape[i];
    extents[view.ndim + i] = view.strides[i];
  }
  int64_t low = 0;
  int64_t high = 0;
  if (reach(view.ndim, extents, extents + view.ndim, view.itemsize, &low, &high) && high > low) {
    head.low = head.data + low;
    head.extent = static_cast<size_t>(high - low);
    if (!encoder.find_lease(head.low, head.extent, &head.lease)) {
      auto* kept = static_cast<Py_buffer*>(PyMem_RawMalloc(sizeof(Py_buffer)));
      if (kept == nullptr) {
        PyBuffer_Release(&view);
        PyErr_NoMemory();
        return false;
      }
      *kept = view;
      view.obj = nullptr;
      if (!encoder.lease_memory(head.low, head.extent, release_buffer, kept, &head.lease))
        return false;
    }
  }
  encoder.writer().put(opcode);
  encoder.writer().put(head);
  encoder.writer().write(extents, 2 * static_cast<size_t>(head.ndim) * sizeof(int64_t));
  if (view.obj != nullptr) PyBuffer_Release(&view);
  return true;
}

Outcome encode_ndarray(Encoder& encoder, PyObject* value) {
  Reference dtype(PyObject_GetAttr(value, interned("dtype")));
  if (!dtype) return Outcome::kError;
  DtypeText text{};
  if (!dtype_text(dtype.get(), &text)) {
    // A dtype that can't be described here may still know how to be pickled.
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  if (text.has_objects) return Outcome::kUnknown;
  Py_buffer view;
  if (PyObject_GetBuffer(value, &view, PyBUF_STRIDES) < 0) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  if (!encode_view(encoder, Opcode::kArray, view)) return Outcome::kError;
  encoder.writer().put_text(text.text);
  return Outcome::kDone;
}

Outcome encode_scalar(Encoder& encoder, PyObject* value) {
  Reference dtype(PyObject_GetAttr(value, interned("dtype")));
  DtypeText text{};
  Py_buffer view;
  // Strings and records have their own ways; a pickle keeps them whole.
  if (!dtype || !dtype_text(dtype.get(), &text) || text.has_objects || text.text.size() < 3 ||
      text.text[0] != 's' ||
      std::string_view("biufc").find(text.text[2]) == std::string_view::npos ||
      PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  encoder.writer().put(Opcode::kScalar);
  encoder.writer().put_text(text.text);
  encoder.writer().put(static_cast<uint64_t>(view.len));
  encoder.writer().write(view.buf, static_cast<size_t>(view.len));
  PyBuffer_Release(&view);
  return Outcome::kDone;
}

Outcome encode_memory(Encoder& encoder, PyObject* value) {
  Py_buffer view;
  if (PyObject_GetBuffer(value, &view, PyBUF_FULL_RO) < 0) return Outcome::kError;
  if (view.suboffsets != nullptr) {
    PyBuffer_Release(&view);
    PyErr_SetString(
        PyExc_TypeError,
        "cannot send a memoryview with suboffsets to another interpreter: send a copy of it");
    return Outcome::kError;
  }
  const std::string format = view.format != nullptr ? view.format : "B";
  int64_t shape = view.len;
  if (view.ndim == 1 && view.shape == nullptr) view.shape = &shape;
  if (view.ndim == 1 && view.strides == nullptr) view.strides = &view.itemsize;
  if (!encode_view(encoder, Opcode::kMemoryView, view)) return Outcome::kError;
  encoder.writer().put_text(format);
  return Outcome::kDone;
}

/// Whether a type of numpy's or torch's is a base, whose subclasses know better than DLPack how
/// they are pickled.
bool is_framework_subclass(PyObject* value, const Numpy* numpy, const Torch* torch) {
  return (numpy != nullptr && PyObject_TypeCheck(value, numpy->ndarray)) ||
         (torch != nullptr && PyObject_TypeCheck(value, torch->tensor));
}

sesha_lease* lease_at(const sesha_message* message, uint32_t index) {
  return index == kNoLease ? nullptr : message->leases[index];
}

}  // namespace

bool reach(int32_t ndim, const int64_t* shape, const int64_t* strides, int64_t itemsize,
           int64_t* low, int64_t* high) {
  *low = 0;
  *high = itemsize;
  for (int32_t i = 0; i < ndim; ++i) {
    if (shape[i] == 0) return false;
    const int64_t span = (shape[i] - 1) * strides[i];
    (span < 0 ? *low : *high) += span;
  }
  return true;
}

Outcome encode_array(Encoder& encoder, PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  const Numpy* numpy = imported_numpy();
  if (numpy != nullptr) {
    if (type == numpy->ndarray || type == numpy->memmap) return encode_ndarray(encoder, value);
    if (PyType_IsSubtype(type, numpy->generic)) return encode_scalar(encoder, value);
  }
  const Torch* torch = imported_torch();
  if (torch != nullptr) {
    if (type == torch->tensor) return encode_torch(encoder, value, false);
    if (type == torch->parameter) return encode_torch(encoder, value, true);
  }
  if (type == &PyMemoryView_Type || type == &PyPickleBuffer_Type || type == lease_type() ||
      strcmp(type->tp_name, "mmap.mmap") == 0) {
    return encode_memory(encoder, value);
  }
  if (type == tensor_type()) return encode_tensor_object(encoder, value);
  if (PyType_Check(value) || is_framework_subclass(value, numpy, torch) ||
      !PyObject_HasAttr(reinterpret_cast<PyObject*>(type), interned("__dlpack__"))) {
    return Outcome::kUnknown;
  }
  return encode_foreign(encoder, value);
}

PyObject* decode_array(Reader& reader, const sesha_message* message) {
  const auto head = reader.get<ArrayHead>();
  const auto ndim = static_cast<size_t>(head.ndim);
  const uint8_t* extents = reader.take(2 * ndim * sizeof(int64_t));
  const std::string_view text = reader.get_text();
  const Numpy* numpy = import_numpy();
  if (numpy == nullptr) return nullptr;
  Reference dtype = Reference::borrow(dtype_from_text(text));
  if (!dtype) return nullptr;
  const auto tuple = [&](size_t first) {
    Reference made(PyTuple_New(head.ndim));
    for (size_t i = 0; made && i < ndim; ++i) {
      int64_t extent = 0;
      memcpy(&extent, extents + (first + i) * sizeof extent, sizeof extent);
      PyObject* number = PyLong_FromLongLong(extent);
      if (number == nullptr) return Reference();
      PyTuple_SET_ITEM(made.get(), static_cast<Py_ssize_t>(i), number);
    }
    return made;
  };
  Reference shape = tuple(0);
  if (!shape) return nullptr;
  auto* ndarray = reinterpret_cast<PyObject*>(numpy->ndarray);
  if (head.lease == kNoLease) {
    PyObject* arguments[] = {shape.get(), dtype.get()};
    Reference array(PyObject_Vectorcall(ndarray, arguments, 2, nullptr));
    if (array && head.readonly) {
      Reference done(PyObject_CallMethod(array.get(), "setflags", "O", Py_False));
      if (!done) return nullptr;
    }
    return array.release();
  }
  Reference memory(
      lease_object(lease_at(message, head.lease), head.low, head.extent, head.readonly != 0));
  if (!memory) return nullptr;
  if (head.contiguous != 0) {
    PyObject* arguments[] = {shape.get(), dtype.get(), memory.get()};
    return PyObject_Vectorcall(ndarray, arguments, 3, nullptr);
  }
  Reference strides = tuple(ndim);
  Reference offset(PyLong_FromSsize_t(head.data - head.low));
  if (!strides || !offset) return nullptr;
  PyObject* arguments[] = {shape.get(), dtype.get(), memory.get(), offset.get(), strides.get()};
  return PyObject_Vectorcall(ndarray, arguments, 5, nullptr);
}

PyObject* decode_scalar(Reader& reader) {
  const std::string_view text = reader.get_text();
  const auto size = reader.get<uint64_t>();
  const uint8_t* data = reader.take(size);
  if (import_numpy() == nullptr) return nullptr;
  Reference dtype = Reference::borrow(dtype_from_text(text));
  if (!dtype) return nullptr;
  Reference bytes(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(data),
                                            static_cast<Py_ssize_t>(size)));
  Reference shape(PyTuple_New(0));
  if (!bytes || !shape) return nullptr;
  PyObject* arguments[] = {shape.get(), dtype.get(), bytes.get()};
  Reference array(PyObject_Vectorcall(reinterpret_cast<PyObject*>(import_numpy()->ndarray),
                                      arguments, 3, nullptr));
  return array ? PyObject_GetItem(array.get(), shape.get()) : nullptr;
}

PyObject* decode_memoryview(Reader& reader, const sesha_message* message) {
  const auto head = reader.get<ArrayHead>();
  const uint8_t* extents = reader.take(2 * static_cast<size_t>(head.ndim) * sizeof(int64_t));
  const std::string_view format = reader.get_text();
  Reference memory(shaped_lease_object(lease_at(message, head.lease), head,
                                       reinterpret_cast<const char*>(extents), format));
  return memory ? PyMemoryView_FromObject(memory.get()) : nullptr;
}

}  // namespace sesha::binding
