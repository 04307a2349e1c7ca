// What the parts of the pool's binding share: the Dispatcher object and how a call is made through
// it.
#ifndef SESHA_BINDING_POOL_H_
#define SESHA_BINDING_POOL_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "exchange/message.h"
#include "guests/dispatch.h"

namespace sesha::binding {

/// Adds Dispatcher, PoolBase, Hold and Task to `module`. 0, or -1 with an exception.
int add_pool(PyObject* module);

/// `sesha._native.Dispatcher`: a sesha_pool, shared by a Pool, its workers and whoever starts its
/// interpreters.
struct Dispatcher {
  PyObject_HEAD sesha_pool* pool;
  uint64_t fork_generation;
  PyObject*
      on_death;  ///< called with the index of an interpreter that died; never null, maybe None
};

/// A call's function and arguments as vectorcall passes them.
struct Arguments {
  PyObject* const* items;  ///< the function first
  Py_ssize_t count;        ///< of positional ones, the function too
  PyObject* names;         ///< of the keywords that follow, or null
};

extern PyTypeObject* dispatcher_type;
extern PyTypeObject* hold_type;
extern PyTypeObject* task_type;
extern PyTypeObject* pool_base_type;

int add_dispatcher(PyObject* module);
int add_hold(PyObject* module);
int add_task(PyObject* module);
int add_pool_base(PyObject* module);

/// Sets the exception of sesha.errors that belongs to `status`, with this thread's last error as
/// text; null.
PyObject* raise_status(sesha_status status);
/// 0, or -1 with ForkedProcessError set when this process was forked after the pool was made.
int check_process(const Dispatcher* dispatcher);
/// Seconds from now (a number, or None for no limit) to a deadline; -2 with an exception set.
int64_t deadline_after(PyObject* seconds);
/// Waits for a slot, with the GIL given up while it waits and signals looked at. 0, or -1 with an
/// exception.
int acquire_slot(Dispatcher* dispatcher, sesha_interpreter* pin, int64_t deadline,
                 sesha_slot** slot);
/// Encodes a call of arguments[0] with the rest; null with an exception set.
sesha_message* encode_arguments(const Arguments& arguments);
/// Calls `interpreter` in this OS thread, which holds no GIL. Takes over `request`; interrupts the
/// call at `deadline`.
sesha_status call_interpreter(sesha_interpreter* interpreter, sesha_message* request,
                              int64_t deadline, sesha_message** reply);
/// The value of a call that ended with `status`, or its exception set. Takes over `reply`.
PyObject* finish_call(sesha_status status, sesha_message* reply);
/// Takes a dead interpreter out of the pool and tells on_death, once however many calls saw it die.
/// Keeps the exception that is set.
void report_death(Dispatcher* dispatcher, sesha_interpreter* interpreter);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_POOL_H_
