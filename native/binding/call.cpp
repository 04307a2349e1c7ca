#include "binding/call.h"

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

sesha_message* answer(const sesha_message* request) {
  PyObject *fn = nullptr, *args = nullptr, *kwargs = nullptr;
  if (decode_call(request, &fn, &args, &kwargs) < 0) return nullptr;
  Reference result(PyObject_Call(fn, args, kwargs));
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
