// **Guarantees:** the slot is given back exactly once: by release() or the object's end, but not
// before the last call that uses it is over. Calls after release() fail with SessionClosed.
// **This code assumes:** the GIL guards the fields.
#include "binding/hold.h"

#include <structmember.h>

#include <cstddef>

#include "binding/codec.h"
#include "guests/semaphore.h"

namespace sesha::binding {

PyTypeObject* hold_type = nullptr;

namespace {

struct Hold {
  PyObject_HEAD Dispatcher* dispatcher;
  sesha_slot* slot;
  sesha_interpreter* interpreter;
  uint32_t calls;  ///< in flight
  bool released;
  bool died;
  PyObject* weak_references;
};

PyObject* raise_closed(const Hold* hold) {
  PyObject* errors = PyImport_ImportModule("sesha.errors");
  if (errors == nullptr) return nullptr;
  PyObject* type = PyObject_GetAttrString(errors, hold->died ? "InterpreterDied" : "SessionClosed");
  Py_DECREF(errors);
  if (type == nullptr) return nullptr;
  if (hold->died) {
    PyErr_Format(type, "interpreter %u, which this session held, died; open a new session",
                 sesha_interpreter_index(hold->interpreter));
  } else {
    PyErr_SetString(
        type, "the session is closed, and what its references stood for is gone; open a new one");
  }
  Py_DECREF(type);
  return nullptr;
}

void end_if_unused(Hold* hold) {
  if (hold->released && hold->calls == 0 && hold->slot != nullptr) {
    sesha_slot* slot = hold->slot;
    hold->slot = nullptr;
    sesha_slot_release(slot);
  }
}

PyObject* call_in_hold(PyObject* self, const Arguments& arguments, uint32_t flags) {
  Hold* hold = reinterpret_cast<Hold*>(self);
  if (check_process(hold->dispatcher) < 0) return nullptr;
  if (hold->released || hold->died) return raise_closed(hold);
  sesha_message* request = encode_arguments(arguments);
  if (request == nullptr) return nullptr;
  if (request->target != SESHA_ANY_INTERPRETER &&
      request->target != sesha_interpreter_index(hold->interpreter)) {
    sesha_message_free(request);
    PyErr_SetString(
        PyExc_TypeError,
        "a reference can only be an argument of calls of its own session; pass reference.get()");
    return nullptr;
  }
  // Python code may have run while the arguments were encoded.
  if (hold->released || hold->died) {
    sesha_message_free(request);
    return raise_closed(hold);
  }
  request->flags |= flags;
  ++hold->calls;
  sesha_message* reply = nullptr;
  sesha_status status;
  Py_INCREF(self);
  Py_BEGIN_ALLOW_THREADS;
  status = call_interpreter(hold->interpreter, request, guests::kForever, &reply);
  Py_END_ALLOW_THREADS;
  if (status == SESHA_DIED) {
    hold->died = true;
    report_death(hold->dispatcher, hold->interpreter);
  }
  PyObject* value = finish_call(status, reply);
  --hold->calls;
  end_if_unused(hold);
  Py_DECREF(self);
  return value;
}

PyObject* hold_run(PyObject* self, PyObject* const* items, Py_ssize_t count, PyObject* names) {
  return call_in_hold(self, {items, count, names}, 0);
}

PyObject* hold_keep(PyObject* self, PyObject* const* items, Py_ssize_t count, PyObject* names) {
  return call_in_hold(self, {items, count, names}, SESHA_MESSAGE_KEEP_RESULT);
}

PyObject* hold_release(PyObject* self, PyObject*) {
  Hold* hold = reinterpret_cast<Hold*>(self);
  hold->released = true;
  if (hold->dispatcher->fork_generation == sesha_fork_generation()) end_if_unused(hold);
  Py_RETURN_NONE;
}

PyObject* hold_released(PyObject* self, void*) {
  const Hold* hold = reinterpret_cast<Hold*>(self);
  return PyBool_FromLong(hold->released || hold->died);
}

PyObject* hold_interpreter(PyObject* self, void*) {
  return PyLong_FromUnsignedLong(
      sesha_interpreter_index(reinterpret_cast<Hold*>(self)->interpreter));
}

int hold_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<Hold*>(self)->dispatcher);
  return 0;
}

void hold_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Hold* hold = reinterpret_cast<Hold*>(self);
  if (hold->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  hold->released = true;
  if (hold->dispatcher->fork_generation == sesha_fork_generation()) end_if_unused(hold);
  Py_DECREF(hold->dispatcher);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef hold_methods[] = {
    {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(hold_run)),
     METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("run($self, fn, /, *args, **kwargs)\n--\n\nCall in the held interpreter and return "
               "the result.")},
    {"keep", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(hold_keep)),
     METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("keep($self, fn, /, *args, **kwargs)\n--\n\nLike run, but the result stays there: "
               "return a Handle.")},
    {"release", hold_release, METH_NOARGS,
     PyDoc_STR("release($self)\n--\n\nGive the slot back, as soon as the calls that run are over. "
               "Idempotent.")},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef hold_getset[] = {
    {"released", hold_released, nullptr, PyDoc_STR("Whether calls are refused."), nullptr},
    {"interpreter", hold_interpreter, nullptr, PyDoc_STR("Index of the interpreter."), nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef hold_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Hold, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot hold_slots[] = {
    {Py_tp_doc, const_cast<char*>("A slot of a pool, held until release().")},
    {Py_tp_traverse, reinterpret_cast<void*>(hold_traverse)},
    {Py_tp_dealloc, reinterpret_cast<void*>(hold_dealloc)},
    {Py_tp_methods, hold_methods},
    {Py_tp_getset, hold_getset},
    {Py_tp_members, hold_members},
    {0, nullptr}};

PyType_Spec hold_spec = {
    "sesha._native.Hold", sizeof(Hold), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, hold_slots};

}  // namespace

PyObject* hold_object(Dispatcher* dispatcher, sesha_slot* slot) {
  Hold* hold = PyObject_GC_New(Hold, hold_type);
  if (hold == nullptr) {
    sesha_slot_release(slot);
    return nullptr;
  }
  Py_INCREF(dispatcher);
  hold->dispatcher = dispatcher;
  hold->slot = slot;
  hold->interpreter = sesha_slot_interpreter(slot);
  hold->calls = 0;
  hold->released = hold->died = false;
  hold->weak_references = nullptr;
  PyObject_GC_Track(hold);
  return reinterpret_cast<PyObject*>(hold);
}

int add_hold(PyObject* module) {
  hold_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&hold_spec));
  if (hold_type == nullptr) return -1;
  return PyModule_AddType(module, hold_type);
}

}  // namespace sesha::binding
