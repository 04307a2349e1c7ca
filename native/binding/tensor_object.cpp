#include "binding/tensor_object.h"

#include "binding/tensors.h"
#include "binding/types.h"
#include "exchange/leased_tensor.h"

namespace sesha::binding {
namespace {

struct TensorObject {
  PyObject_HEAD sesha_lease* lease;
  DLTensor tensor;
  bool readonly;
  int64_t* byte_strides;  // behind shape and strides in one block, which tensor.shape begins
};

TensorObject* cast(PyObject* object) { return reinterpret_cast<TensorObject*>(object); }

constexpr char kVersioned[] = "dltensor_versioned";
constexpr char kUnversioned[] = "dltensor";

/// A capsule that nobody consumed still owns its tensor.
template <typename Managed>
void destroy_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  managed->deleter(managed);
}

PyObject* to_dlpack(PyObject* self, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
  PyObject* stream = Py_None;
  PyObject* version = Py_None;
  PyObject* device = Py_None;
  PyObject* copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|$OOOO:__dlpack__",
                                   const_cast<char**>(names), &stream, &version, &device, &copy)) {
    return nullptr;
  }
  const TensorObject* own = cast(self);
  if (copy == Py_True) {
    PyErr_SetString(
        PyExc_BufferError,
        "a sesha.Tensor lends its memory and makes no copies: copy what you make of it");
    return nullptr;
  }
  if (device != Py_None) {
    int type = 0;
    int id = 0;
    if (!PyArg_ParseTuple(device, "ii", &type, &id)) return nullptr;
    if (type != own->tensor.device.device_type || id != own->tensor.device.device_id) {
      PyErr_SetString(PyExc_BufferError, "a sesha.Tensor can't move to another device");
      return nullptr;
    }
  }
  unsigned major = 0;
  unsigned minor = 0;
  if (version != Py_None && !PyArg_ParseTuple(version, "II", &major, &minor)) return nullptr;
  if (major >= DLPACK_MAJOR_VERSION) {
    auto* managed = sesha_leased_tensor(&own->tensor, own->lease, own->readonly ? 1 : 0);
    if (managed == nullptr) return PyErr_NoMemory();
    PyObject* capsule = PyCapsule_New(managed, kVersioned, [](PyObject* unused) {
      destroy_capsule<DLManagedTensorVersioned>(unused, kVersioned);
    });
    if (capsule == nullptr) managed->deleter(managed);
    return capsule;
  }
  if (own->readonly) {
    PyErr_SetString(PyExc_BufferError,
                    "this tensor is read-only, which DLPack before version 1.0 can't say");
    return nullptr;
  }
  auto* managed = sesha_leased_tensor_unversioned(&own->tensor, own->lease);
  if (managed == nullptr) return PyErr_NoMemory();
  PyObject* capsule = PyCapsule_New(managed, kUnversioned, [](PyObject* unused) {
    destroy_capsule<DLManagedTensor>(unused, kUnversioned);
  });
  if (capsule == nullptr) managed->deleter(managed);
  return capsule;
}

PyObject* device_pair(PyObject* self, void* = nullptr) {
  return Py_BuildValue("ii", cast(self)->tensor.device.device_type,
                       cast(self)->tensor.device.device_id);
}

PyObject* to_dlpack_device(PyObject* self, PyObject*) { return device_pair(self); }

PyObject* numbers(int32_t count, const int64_t* values) {
  PyObject* tuple = PyTuple_New(count);
  for (int32_t i = 0; tuple != nullptr && i < count; ++i) {
    PyObject* number = PyLong_FromLongLong(values[i]);
    if (number == nullptr) Py_CLEAR(tuple);
    if (tuple != nullptr) PyTuple_SET_ITEM(tuple, i, number);
  }
  return tuple;
}

PyObject* get_shape(PyObject* self, void*) {
  return numbers(cast(self)->tensor.ndim, cast(self)->tensor.shape);
}
PyObject* get_strides(PyObject* self, void*) {
  return numbers(cast(self)->tensor.ndim, cast(self)->tensor.strides);
}
PyObject* get_readonly(PyObject* self, void*) { return PyBool_FromLong(cast(self)->readonly); }

PyObject* get_dtype(PyObject* self, void*) {
  const DLDataType dtype = cast(self)->tensor.dtype;
  const char* name;
  switch (dtype.code) {
    case kDLInt:
      name = "int";
      break;
    case kDLUInt:
      name = "uint";
      break;
    case kDLFloat:
      name = "float";
      break;
    case kDLBfloat:
      name = "bfloat";
      break;
    case kDLComplex:
      name = "complex";
      break;
    case kDLBool:
      return PyUnicode_FromString("bool");
    default:
      return PyUnicode_FromFormat("dlpack%u:%u", dtype.code, dtype.bits);
  }
  return PyUnicode_FromFormat("%s%u", name, dtype.bits);
}

PyObject* represent(PyObject* self) {
  PyObject* shape = get_shape(self, nullptr);
  PyObject* dtype = shape != nullptr ? get_dtype(self, nullptr) : nullptr;
  PyObject* text = dtype != nullptr
                       ? PyUnicode_FromFormat("<sesha.Tensor shape=%R dtype=%U>", shape, dtype)
                       : nullptr;
  Py_XDECREF(shape);
  Py_XDECREF(dtype);
  return text;
}

/// The struct module's character for a dtype; null if it has none.
const char* struct_format(DLDataType dtype) {
  static constexpr const char* kSigned[] = {"b", "h", "i", "q"};
  static constexpr const char* kUnsigned[] = {"B", "H", "I", "Q"};
  int size = -1;
  for (int power = 0; power < 4; ++power) {
    if (dtype.bits == 8 << power) size = power;
  }
  if (size < 0 || dtype.lanes != 1) return nullptr;
  if (dtype.code == kDLInt) return kSigned[size];
  if (dtype.code == kDLUInt) return kUnsigned[size];
  if (dtype.code == kDLBool) return size == 0 ? "?" : nullptr;
  if (dtype.code != kDLFloat || size == 0) return nullptr;
  return size == 1 ? "e" : size == 2 ? "f" : "d";
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  TensorObject* own = cast(self);
  const DLTensor& tensor = own->tensor;
  view->obj = nullptr;
  const char* format = struct_format(tensor.dtype);
  if (tensor.device.device_type != kDLCPU || format == nullptr || tensor.ndim > PyBUF_MAX_NDIM) {
    PyErr_SetString(PyExc_BufferError,
                    "only tensors in CPU memory, of a dtype that the struct module knows, are "
                    "buffers: use DLPack");
    return -1;
  }
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && own->readonly) {
    PyErr_SetString(PyExc_BufferError, "this tensor is read-only");
    return -1;
  }
  view->buf = tensor.data;
  view->itemsize = tensor.dtype.bits / 8;
  view->len = view->itemsize;
  for (int32_t i = 0; i < tensor.ndim; ++i) view->len *= tensor.shape[i];
  view->readonly = own->readonly ? 1 : 0;
  view->ndim = tensor.ndim;
  view->format = const_cast<char*>(format);
  view->shape = reinterpret_cast<Py_ssize_t*>(tensor.shape);
  view->strides = reinterpret_cast<Py_ssize_t*>(own->byte_strides);
  view->suboffsets = nullptr;
  view->internal = nullptr;
  const bool contiguous = PyBuffer_IsContiguous(view, 'C') != 0;
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
    if (!contiguous) {
      PyErr_SetString(PyExc_BufferError, "this tensor is not contiguous");
      return -1;
    }
    view->strides = nullptr;
  }
  if ((flags & PyBUF_ND) != PyBUF_ND) view->shape = nullptr;
  if ((flags & PyBUF_FORMAT) != PyBUF_FORMAT) view->format = nullptr;
  view->obj = Py_NewRef(self);
  return 0;
}

void deallocate(PyObject* self) {
  sesha_lease_release(cast(self)->lease);
  PyMem_Free(cast(self)->tensor.shape);
  free_object(self);
}

PyMethodDef methods[] = {
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(to_dlpack)),
     METH_VARARGS | METH_KEYWORDS,
     "A capsule, as the array API standard says. BufferError for a copy or a move."},
    {"__dlpack_device__", to_dlpack_device, METH_NOARGS,
     "(device type, device index) in DLPack's numbers."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "Items along each dimension.", nullptr},
    {"strides", get_strides, nullptr, "Distance along each dimension, in items.", nullptr},
    {"dtype", get_dtype, nullptr, "Name of the dtype, such as 'float32' or 'bfloat16'.", nullptr},
    {"device", device_pair, nullptr,
     "(device type, device index) in DLPack's numbers; the CPU is (1, 0).", nullptr},
    {"readonly", get_readonly, nullptr, "Whether the owner lends the memory for reading only.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An array whose own type can't be made here: memory of another "
                                  "interpreter, through DLPack and, on "
                                  "the CPU, through the buffer protocol (`numpy.asarray(tensor)`, "
                                  "`torch.from_dlpack(tensor)`).")},
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_tp_repr, reinterpret_cast<void*>(represent)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
    {0, nullptr},
};

PyType_Spec spec = {"sesha._native.Tensor", sizeof(TensorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

PyTypeObject* tensor_type() {
  static PyTypeObject* type = make_type(&spec);
  return type;
}

PyObject* tensor_object(const DLTensor& tensor, sesha_lease* lease, bool readonly) {
  const auto count = static_cast<size_t>(tensor.ndim);
  auto* block = static_cast<int64_t*>(PyMem_Malloc(3 * count * sizeof(int64_t) + 1));
  if (block == nullptr) return PyErr_NoMemory();
  PyObject* object = tensor_type()->tp_alloc(tensor_type(), 0);
  if (object == nullptr) {
    PyMem_Free(block);
    return nullptr;
  }
  TensorObject* made = cast(object);
  if (lease != nullptr) sesha_lease_retain(lease);
  made->lease = lease;
  made->tensor = tensor;
  made->tensor.shape = block;
  made->tensor.strides = block + count;
  made->byte_strides = block + 2 * count;
  made->readonly = readonly;
  for (size_t i = 0; i < count; ++i) {
    made->tensor.shape[i] = tensor.shape[i];
    made->tensor.strides[i] = tensor.strides[i];
    made->byte_strides[i] = tensor.strides[i] * (tensor.dtype.bits * tensor.dtype.lanes / 8);
  }
  return object;
}

Outcome encode_tensor_object(Encoder& encoder, PyObject* value) {
  const TensorObject* own = cast(value);
  uint32_t index = kNoLease;
  if (own->lease != nullptr && !encoder.add_lease(own->lease, &index)) return Outcome::kError;
  encoder.writer().put(Opcode::kForeign);
  encoder.writer().put_text("");
  write_tensor(encoder.writer(), own->tensor, index, own->readonly ? kReadOnly : 0);
  return Outcome::kDone;
}

}  // namespace sesha::binding
