#include "binding/lease_object.h"

#include "binding/types.h"

namespace sesha::binding {
namespace {

/// Shape, strides and format of a Lease that is not a plain run of bytes.
struct Layout {
  Py_ssize_t shape[PyBUF_MAX_NDIM];
  Py_ssize_t strides[PyBUF_MAX_NDIM];
  char format[1];  // with its end, to the end of the block
};

struct LeaseObject {
  PyObject_HEAD sesha_lease* lease;
  char* data;
  Py_ssize_t size;
  Py_ssize_t itemsize;
  int ndim;
  bool readonly;
  bool contiguous;
  Layout* layout;  // null: bytes
};

LeaseObject* cast(PyObject* object) { return reinterpret_cast<LeaseObject*>(object); }

void deallocate(PyObject* self) {
  sesha_lease_release(cast(self)->lease);
  PyMem_Free(cast(self)->layout);
  free_object(self);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  LeaseObject* lease = cast(self);
  if (lease->layout == nullptr) {
    return PyBuffer_FillInfo(view, self, lease->data, lease->size, lease->readonly, flags);
  }
  view->obj = nullptr;
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && lease->readonly) {
    PyErr_SetString(PyExc_BufferError, "this memory was lent for reading only");
    return -1;
  }
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !lease->contiguous) {
    PyErr_SetString(PyExc_BufferError, "this memory is not contiguous");
    return -1;
  }
  view->buf = lease->data;
  view->len = lease->size;
  view->itemsize = lease->itemsize;
  view->readonly = lease->readonly;
  view->ndim = lease->ndim;
  view->format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? lease->layout->format : nullptr;
  view->shape = (flags & PyBUF_ND) == PyBUF_ND ? lease->layout->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? lease->layout->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  view->obj = Py_NewRef(self);
  return 0;
}

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>("Memory that another interpreter lends, through the buffer protocol.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
    {0, nullptr},
};

PyType_Spec spec = {"sesha._native.Lease", sizeof(LeaseObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

PyTypeObject* lease_type() {
  static PyTypeObject* type = make_type(&spec);
  return type;
}

PyObject* lease_object(sesha_lease* lease, char* low, size_t extent, bool readonly) {
  PyObject* object = lease_type()->tp_alloc(lease_type(), 0);
  if (object == nullptr) return nullptr;
  LeaseObject* made = cast(object);
  if (lease != nullptr) sesha_lease_retain(lease);
  made->lease = lease;
  made->data = low;
  made->size = static_cast<Py_ssize_t>(extent);
  made->itemsize = 1;
  made->ndim = 1;
  made->readonly = readonly;
  made->contiguous = true;
  return object;
}

PyObject* shaped_lease_object(sesha_lease* lease, const ArrayHead& head, const char* extents,
                              std::string_view format) {
  PyObject* object = lease_object(lease, head.data, head.extent, head.readonly != 0);
  if (object == nullptr) return nullptr;
  LeaseObject* made = cast(object);
  auto* layout = static_cast<Layout*>(PyMem_Malloc(sizeof(Layout) + format.size()));
  if (layout == nullptr) {
    Py_DECREF(object);
    return PyErr_NoMemory();
  }
  const auto count = static_cast<size_t>(head.ndim);
  memcpy(layout->shape, extents, count * sizeof(int64_t));
  memcpy(layout->strides, extents + count * sizeof(int64_t), count * sizeof(int64_t));
  memcpy(layout->format, format.data(), format.size());
  layout->format[format.size()] = '\0';
  made->layout = layout;
  made->ndim = head.ndim;
  made->itemsize = head.itemsize;
  made->contiguous = head.contiguous != 0;
  made->size = head.itemsize;
  for (size_t i = 0; i < count; ++i) made->size *= layout->shape[i];
  return object;
}

}  // namespace sesha::binding
