// `sesha._native.Handle`: an object that stays in its interpreter.
#include <cstddef>
#include <utility>

#include "binding/types.h"
#include "binding/values.h"

#include <structmember.h>  // Python.h brings it only from 3.12 on

namespace sesha::binding {
namespace {

struct HandleObject {
  PyObject_HEAD sesha_lease* lease;  // null once closed
  uint32_t interpreter;
  uint64_t token;
  PyObject* weak_references;
};

HandleObject* cast(PyObject* object) { return reinterpret_cast<HandleObject*>(object); }

void fill(PyObject* object, sesha_lease* lease) {
  const sesha_loan* loan = sesha_lease_loan(lease);
  cast(object)->lease = lease;
  cast(object)->interpreter = sesha_interpreter_index(loan->origin);
  cast(object)->token = reinterpret_cast<uint64_t>(loan->context);
}

PyObject* create(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* other = nullptr;
  if (PyTuple_GET_SIZE(arguments) > 0) other = PyTuple_GET_ITEM(arguments, 0);
  if (other == nullptr || !PyObject_TypeCheck(other, handle_type())) {
    PyErr_SetString(PyExc_TypeError, "a Handle is made from another Handle");
    return nullptr;
  }
  sesha_lease* lease = handle_lease(other);
  if (lease == nullptr) return nullptr;
  PyObject* object = type->tp_alloc(type, 0);
  if (object == nullptr) return nullptr;
  sesha_lease_retain(lease);
  fill(object, lease);
  return object;
}

void close(HandleObject* handle) { sesha_lease_release(std::exchange(handle->lease, nullptr)); }

PyObject* close_method(PyObject* self, PyObject*) {
  close(cast(self));
  Py_RETURN_NONE;
}

PyObject* refuse_copy(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError,
                  "a reference to an object of another interpreter can't be copied or pickled: "
                  "copy the object out "
                  "with get(), or send the reference to a call in its own interpreter");
  return nullptr;
}

PyObject* get_interpreter(PyObject* self, void*) {
  return PyLong_FromUnsignedLong(cast(self)->interpreter);
}
PyObject* get_token(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(cast(self)->token);
}
PyObject* get_closed(PyObject* self, void*) {
  return PyBool_FromLong(cast(self)->lease == nullptr);
}

void deallocate(PyObject* self) {
  // A subclass written in Python is tracked by the collector; this type by itself is not.
  if (PyType_IS_GC(Py_TYPE(self))) PyObject_GC_UnTrack(self);
  if (cast(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  close(cast(self));
  free_object(self);
}

PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "Let go of the object: it is freed soon in its interpreter. Never waits; any thread; may be "
     "repeated."},
    {"__reduce_ex__", refuse_copy, METH_O, "TypeError: a handle can't be copied or pickled."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"interpreter", get_interpreter, nullptr, "Index of the interpreter where the object lives.",
     nullptr},
    {"token", get_token, nullptr,
     "A number that names the object in its interpreter while it lives.", nullptr},
    {"closed", get_closed, nullptr, "Whether the object was let go of.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(HandleObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Handle(other)\n--\n\nAn object that stays in its interpreter. Sent back there, it "
         "arrives as the very object.")},
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {0, nullptr},
};

PyType_Spec spec = {"sesha._native.Handle", sizeof(HandleObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

PyTypeObject* handle_type() {
  static PyTypeObject* type = make_type(&spec);
  return type;
}

PyObject* handle_from_lease(sesha_lease* lease) {
  PyObject* object = handle_type()->tp_alloc(handle_type(), 0);
  if (object == nullptr) {
    sesha_lease_release(lease);
  } else {
    fill(object, lease);
  }
  return object;
}

sesha_lease* handle_lease(PyObject* handle) {
  sesha_lease* lease = cast(handle)->lease;
  if (lease == nullptr) {
    PyErr_Format(PyExc_ValueError,
                 "this reference to an object of interpreter %u is closed: its session ended or "
                 "the object was let go "
                 "of; take a new reference in a new session",
                 cast(handle)->interpreter);
    return nullptr;
  }
  if (sesha_find_interpreter(cast(handle)->interpreter) == nullptr) {
    PyErr_Format(PyExc_ValueError,
                 "this reference leads to an object of interpreter %u, which has ended",
                 cast(handle)->interpreter);
    return nullptr;
  }
  return lease;
}

}  // namespace sesha::binding
