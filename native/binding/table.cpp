#include "binding/table.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <malloc.h>

#include "binding/arenas.h"
#include "binding/call.h"
#include "binding/interpreter.h"
#include "binding/threads.h"
#include "exchange/lease.h"
#include "exchange/message.h"
#include "guests/boundary.h"

namespace sesha::binding {
namespace {

sesha_status call(sesha_interpreter* self, sesha_message* request, sesha_message** reply) {
  *reply = nullptr;
  sesha_boundary boundary;
  if (setjmp(boundary.environment) != 0) {
    leave_dead();
    return sesha_fail(SESHA_DIED, "interpreter %u died: %s", sesha_interpreter_index(self),
                      boundary.cause);
  }
  sesha_boundary_push(&boundary, self);
  if (!enter()) {
    sesha_boundary_pop(&boundary);
    sesha_message_free(request);
    return sesha_fail(SESHA_DIED, "interpreter %u has ended", sesha_interpreter_index(self));
  }
  RunningCall running;
  begin_call(running, request->serial);
  const sesha_status status = serve_call(request, reply);
  end_call(running);
  leave();
  sesha_boundary_pop(&boundary);
  return status;
}

void drain(sesha_interpreter* self) {
  sesha_boundary boundary;
  if (setjmp(boundary.environment) != 0) {
    leave_dead();
    return;
  }
  sesha_boundary_push(&boundary, self);
  if (enter()) {
    run_releases();
    leave();
  }
  sesha_boundary_pop(&boundary);
}

void interrupt(sesha_interpreter*, unsigned long thread, uint64_t serial, int kind) {
  if (!enter()) return;
  PyObject* exception = nullptr;
  if (kind == 0) {
    exception = Py_NewRef(PyExc_KeyboardInterrupt);
  } else if (PyObject* errors = PyImport_ImportModule("sesha.errors")) {
    exception = PyObject_GetAttrString(errors, "CallTimeout");
    Py_DECREF(errors);
  }
  if (exception != nullptr) {
    interrupt_call(thread, serial, exception);
    Py_DECREF(exception);
  } else {
    PyErr_Clear();
  }
  leave();
}

sesha_status finalize(sesha_interpreter* self) {
  sesha_boundary boundary;
  if (setjmp(boundary.environment) != 0) {
    return sesha_fail(SESHA_DIED, "interpreter %u died while it ended: %s",
                      sesha_interpreter_index(self), boundary.cause);
  }
  sesha_boundary_push(&boundary, self);
  if (enter()) {
    run_releases();
    leave();
    sesha_releases_close(self);
    close_door();
    take_main_state();
    Py_FinalizeEx();
    // What others have borrowed may lie in this interpreter's memory.
    if (sesha_lease_count(self) == 0) free_arenas();
    malloc_trim(0);
  }
  sesha_boundary_pop(&boundary);
  return SESHA_OK;
}

constexpr sesha_binding kTable = {.abi = SESHA_BINDING_ABI,
                                  .call = call,
                                  .drain = drain,
                                  .interrupt = interrupt,
                                  .finalize = finalize};

PyObject* close_host(PyObject*, PyObject*) {
  sesha_interpreter* self = this_interpreter();
  Py_BEGIN_ALLOW_THREADS;
  sesha_releases_close(self);
  close_door();
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

PyMethodDef close_host_definition = {"close_host", close_host, METH_NOARGS, nullptr};

}  // namespace

const sesha_binding* binding_table() { return &kTable; }

int register_host() {
  set_this_interpreter(sesha_register_host(&kTable));
  PyObject* atexit = PyImport_ImportModule("atexit");
  PyObject* function = PyCFunction_New(&close_host_definition, nullptr);
  PyObject* done = nullptr;
  if (atexit != nullptr && function != nullptr)
    done = PyObject_CallMethod(atexit, "register", "O", function);
  Py_XDECREF(atexit);
  Py_XDECREF(function);
  if (done == nullptr) return -1;
  Py_DECREF(done);
  return 0;
}

}  // namespace sesha::binding
