// `sesha._native.Message`: a message in the hands of Python.
#include <utility>

#include "binding/types.h"
#include "binding/values.h"

namespace sesha::binding {
namespace {

struct MessageObject {
  PyObject_HEAD sesha_message* message;  // null once taken
};

MessageObject* cast(PyObject* object) { return reinterpret_cast<MessageObject*>(object); }

void deallocate(PyObject* self) {
  sesha_message_free(cast(self)->message);
  free_object(self);
}

bool present(PyObject* self) {
  if (cast(self)->message != nullptr) return true;
  PyErr_SetString(PyExc_ValueError, "this message was sent or decoded before");
  return false;
}

PyObject* get_size(PyObject* self, void*) {
  return present(self) ? PyLong_FromSize_t(cast(self)->message->size) : nullptr;
}

PyObject* get_leases(PyObject* self, void*) {
  return present(self) ? PyLong_FromSize_t(cast(self)->message->lease_count) : nullptr;
}

PyObject* get_target(PyObject* self, void*) {
  if (!present(self)) return nullptr;
  const uint32_t target = cast(self)->message->target;
  return target == SESHA_ANY_INTERPRETER ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(target);
}

PyGetSetDef attributes[] = {
    {"size", get_size, nullptr, "Bytes of the stream, without the memory that is lent.", nullptr},
    {"leases", get_leases, nullptr, "Number of leases that the message holds.", nullptr},
    {"target", get_target, nullptr, "The only interpreter that can decode it, or None for any.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An encoded call, value or exception; to be decoded once.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_tp_getset, attributes},
    {0, nullptr},
};

PyType_Spec spec = {"sesha._native.Message", sizeof(MessageObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyTypeObject* message_type() {
  static PyTypeObject* type = make_type(&spec);
  return type;
}

}  // namespace

PyObject* message_object(sesha_message* message) {
  if (message == nullptr) return nullptr;
  PyObject* object =
      message_type() != nullptr ? message_type()->tp_alloc(message_type(), 0) : nullptr;
  if (object == nullptr) {
    sesha_message_free(message);
  } else {
    cast(object)->message = message;
  }
  return object;
}

sesha_message* take_message(PyObject* object) {
  if (Py_TYPE(object) != message_type()) {
    PyErr_Format(PyExc_TypeError, "expected a Message, not %.100s", Py_TYPE(object)->tp_name);
    return nullptr;
  }
  return present(object) ? std::exchange(cast(object)->message, nullptr) : nullptr;
}

}  // namespace sesha::binding
