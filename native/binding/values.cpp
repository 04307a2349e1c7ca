#include "binding/values.h"

#include "binding/call.h"
#include "binding/codec.h"
#include "binding/encoder.h"
#include "binding/frameworks.h"
#include "binding/interpreter.h"
#include "binding/lease_object.h"
#include "binding/reference.h"
#include "binding/tensor_object.h"

namespace sesha::binding {
namespace {

PyObject* encode_call_method(PyObject*, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"fn", "args", "kwargs", "keep", nullptr};
  PyObject *fn = nullptr, *args = nullptr, *kwargs = Py_None;
  int keep = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO!|O$p:encode_call",
                                   const_cast<char**>(names), &fn, &PyTuple_Type, &args, &kwargs,
                                   &keep)) {
    return nullptr;
  }
  if (kwargs != Py_None && !PyDict_Check(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "kwargs must be a dict or None");
    return nullptr;
  }
  sesha_message* message = encode_call(fn, args, kwargs == Py_None ? nullptr : kwargs);
  if (message != nullptr && keep != 0) message->flags |= SESHA_MESSAGE_KEEP_RESULT;
  return message_object(message);
}

PyObject* encode_value_method(PyObject*, PyObject* value) {
  return message_object(encode_value(value, "value"));
}

PyObject* decode_method(PyObject*, PyObject* object) {
  sesha_message* message = take_message(object);
  if (message == nullptr) return nullptr;
  if (message->kind != SESHA_MESSAGE_CALL) return decode_reply(message);
  sesha_message_free(message);
  PyErr_SetString(PyExc_ValueError, "a call is served, not decoded");
  return nullptr;
}

PyObject* serve_method(PyObject*, PyObject* object) {
  sesha_message* request = take_message(object);
  if (request == nullptr) return nullptr;
  if (request->kind != SESHA_MESSAGE_CALL) {
    sesha_message_free(request);
    PyErr_SetString(PyExc_ValueError, "only a call can be served");
    return nullptr;
  }
  sesha_message* reply = nullptr;
  if (serve_call(request, &reply) != SESHA_OK) {
    PyErr_SetString(PyExc_MemoryError, sesha_last_error());
    return nullptr;
  }
  return message_object(reply);
}

PyObject* received_method(PyObject*, PyObject* part) { return Py_NewRef(part); }

PyObject* is_part_method(PyObject*, PyObject* value) {
  Encoder encoder(SESHA_MESSAGE_VALUE);
  if (encoder.failed()) return PyErr_NoMemory();
  const Outcome outcome = encoder.encode_part(value);
  return outcome == Outcome::kError ? nullptr : PyBool_FromLong(outcome == Outcome::kDone);
}

PyObject* drain_method(PyObject*, PyObject*) {
  return PyLong_FromSize_t(sesha_releases_run(this_interpreter()));
}

PyObject* live_leases_method(PyObject*, PyObject*) {
  return PyLong_FromSize_t(sesha_lease_count(nullptr));
}

PyObject* use_exchange_api_method(PyObject*, PyObject* use) {
  const int truth = PyObject_IsTrue(use);
  if (truth < 0) return nullptr;
  use_exchange_api(truth != 0);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"encode_call", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(encode_call_method)),
     METH_VARARGS | METH_KEYWORDS,
     "encode_call(fn, args, kwargs=None, *, keep=False)\n--\n\nA call as a Message; with `keep` "
     "its result stays where "
     "it is made and a Handle comes back. TypeError names the path to what can't cross."},
    {"encode_value", encode_value_method, METH_O,
     "encode_value(value)\n--\n\nA value as a Message."},
    {"decode", decode_method, METH_O,
     "decode(message)\n--\n\nThe value of a Message, once; a remote exception is raised."},
    {"serve", serve_method, METH_O,
     "serve(message)\n--\n\nServe a call in this interpreter; the reply as a Message."},
    {"received", received_method, METH_O,
     "received(part)\n--\n\nWhat a pickle calls for a part of its message."},
    {"is_part", is_part_method, METH_O,
     "is_part(value)\n--\n\nWhether a pickle leaves the value to its message: an array, a tensor, "
     "a handle."},
    {"drain", drain_method, METH_NOARGS,
     "drain()\n--\n\nRun the releases queued for this interpreter; how many there were."},
    {"live_leases", live_leases_method, METH_NOARGS,
     "live_leases()\n--\n\nLeases in this process that are not yet released."},
    {"use_exchange_api", use_exchange_api_method, METH_O,
     "use_exchange_api(use)\n--\n\nWhether torch's C exchange API is used where torch has one; for "
     "tests."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

int add_values(PyObject* module) {
  if (lease_type() == nullptr || tensor_type() == nullptr || handle_type() == nullptr) return -1;
  if (PyModule_AddObjectRef(module, "Handle", reinterpret_cast<PyObject*>(handle_type())) < 0 ||
      PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type())) < 0 ||
      PyModule_AddObjectRef(module, "Lease", reinterpret_cast<PyObject*>(lease_type())) < 0) {
    return -1;
  }
  return PyModule_AddFunctions(module, methods);
}

}  // namespace sesha::binding
