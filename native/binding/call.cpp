#include "binding/call.h"

#include <algorithm>
#include <string_view>

#include "binding/codec.h"
#include "binding/interpreter.h"
#include "binding/reference.h"

namespace sesha::binding {
namespace {

void drop_object(void* object) { Py_DECREF(static_cast<PyObject*>(object)); }

/// A reply whose value is a handle to `result`, which stays here.
sesha_message* keep(PyObject* result) {
  const sesha_loan loan = {nullptr, 0, this_interpreter(), drop_object, Py_NewRef(result)};
  sesha_lease* lease = sesha_lease_new(&loan);
  if (lease == nullptr) {
    Py_DECREF(result);
    return reinterpret_cast<sesha_message*>(PyErr_NoMemory());
  }
  return encode_kept(lease);
}

/// For built-in functions that look at the Python code that calls them: a call that comes from
/// another interpreter has none, so it gets some, with globals of its own.
PyObject* call_from_python(PyObject* fn, PyObject* args, PyObject* kwargs) {
  Reference globals(Py_BuildValue("{s:O}", "__builtins__", PyEval_GetBuiltins()));
  if (!globals) return nullptr;
  Reference caller(PyRun_String("lambda fn, args, kwargs: fn(*args, **kwargs)", Py_eval_input,
                                globals.get(), globals.get()));
  if (!caller) return nullptr;
  Reference named(kwargs == nullptr ? PyDict_New() : Py_NewRef(kwargs));
  if (!named) return nullptr;
  return PyObject_CallFunctionObjArgs(caller.get(), fn, args, named.get(), nullptr);
}

bool looks_at_its_caller(PyObject* fn) {
  if (!PyCFunction_CheckExact(fn)) return false;
  PyObject* module = PyCFunction_GET_SELF(fn);
  if (module == nullptr || !PyModule_CheckExact(module) ||
      PyModule_GetDict(module) != PyEval_GetBuiltins())
    return false;
  const std::string_view name = reinterpret_cast<PyCFunctionObject*>(fn)->m_ml->ml_name;
  static constexpr std::string_view kNames[] = {"eval", "exec", "locals", "globals", "dir", "vars"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

sesha_message* answer(const sesha_message* request) {
  PyObject *fn = nullptr, *args = nullptr, *kwargs = nullptr;
  if (decode_call(request, &fn, &args, &kwargs) < 0) return nullptr;
  Reference result(looks_at_its_caller(fn) ? call_from_python(fn, args, kwargs)
                                           : PyObject_Call(fn, args, kwargs));
  // Let go of before the result is encoded: what was lent for the call goes back as early as it
  // can.
  Py_DECREF(fn);
  Py_DECREF(args);
  Py_XDECREF(kwargs);
  if (!result) return nullptr;
  return (request->flags & SESHA_MESSAGE_KEEP_RESULT) != 0 ? keep(result.get())
                                                           : encode_value(result.get(), "result");
}

}  // namespace

sesha_status serve_call(sesha_message* request, sesha_message** reply) {
  run_releases();
  *reply = answer(request);
  if (*reply == nullptr) *reply = encode_exception();
  if (*reply != nullptr) (*reply)->serial = request->serial;
  sesha_message_free(request);
  run_releases();
  if (*reply != nullptr) return SESHA_OK;
  return sesha_fail(SESHA_MEMORY, "out of memory: interpreter %u can't write its reply to a call",
                    sesha_interpreter_index(this_interpreter()));
}

void run_releases() {
  sesha_interpreter* self = this_interpreter();
  if (self == nullptr || sesha_releases_pending(self) == 0) return;
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  sesha_releases_run(self);
  PyErr_Restore(type, value, traceback);
}

}  // namespace sesha::binding
