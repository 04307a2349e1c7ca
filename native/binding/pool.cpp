// How a call goes from a host thread through a slot into an interpreter, and
// `sesha._native.PoolBase`, whose `run` is the way that must be short.
//
// **Guarantees:** the calling thread holds no GIL while it waits for a slot or runs in another
// interpreter; a slot is given back whatever the call does.
// **This code assumes:** the GIL is held at the entry of every function here, except
// call_interpreter.
#include "binding/pool.h"

#include <cmath>
#include <string>

#include "binding/codec.h"
#include "binding/interrupts.h"
#include "guests/semaphore.h"

namespace sesha::binding {

PyTypeObject* pool_base_type = nullptr;

PyObject* raise_status(sesha_status status) {
  const char* name = "SeshaError";
  switch (status) {
    case SESHA_TIMEOUT:
      name = "CallTimeout";
      break;
    case SESHA_CLOSED:
      name = "PoolClosed";
      break;
    case SESHA_FULL:
      name = "QueueFull";
      break;
    case SESHA_DIED:
      name = "InterpreterDied";
      break;
    case SESHA_MEMORY:
      return PyErr_NoMemory();
    default:
      break;
  }
  PyObject* errors = PyImport_ImportModule("sesha.errors");
  if (errors == nullptr) return nullptr;
  PyObject* type = PyObject_GetAttrString(errors, name);
  Py_DECREF(errors);
  if (type == nullptr) return nullptr;
  PyErr_SetString(type, sesha_last_error());
  Py_DECREF(type);
  return nullptr;
}

int check_process(const Dispatcher* dispatcher) {
  if (dispatcher->fork_generation == sesha_fork_generation()) return 0;
  PyObject* errors = PyImport_ImportModule("sesha.errors");
  if (errors == nullptr) return -1;
  PyObject* type = PyObject_GetAttrString(errors, "ForkedProcessError");
  Py_DECREF(errors);
  if (type == nullptr) return -1;
  PyErr_SetString(type,
                  "this pool belongs to the parent process: a fork copies neither its "
                  "interpreters' threads nor "
                  "their locks; make a new Pool in a fresh process (multiprocessing's 'spawn' or "
                  "'forkserver')");
  Py_DECREF(type);
  return -1;
}

int64_t deadline_after(PyObject* seconds) {
  if (seconds == Py_None) return guests::kForever;
  const double value = PyFloat_AsDouble(seconds);
  if (value == -1.0 && PyErr_Occurred()) return -2;
  if (std::isnan(value)) {
    PyErr_SetString(PyExc_ValueError, "timeout must be a number of seconds or None, not NaN");
    return -2;
  }
  // A century is as good as for ever, and far from overflow.
  if (value > 3e9) return guests::kForever;
  return sesha_monotonic_now() + static_cast<int64_t>(std::fmax(value, 0.0) * 1e9);
}

int acquire_slot(Dispatcher* dispatcher, sesha_interpreter* pin, int64_t deadline,
                 sesha_slot** slot) {
  sesha_request* place = nullptr;
  // A free slot is there most of the time, and is not worth a release of the GIL.
  sesha_status status = sesha_pool_acquire(dispatcher->pool, pin, 0, &place, slot);
  if (status == SESHA_TIMEOUT) {
    do {
      if (place != nullptr && PyErr_CheckSignals() < 0) {
        sesha_request_abandon(place);
        return -1;
      }
      Py_BEGIN_ALLOW_THREADS;
      status = sesha_pool_acquire(dispatcher->pool, pin, deadline, &place, slot);
      Py_END_ALLOW_THREADS;
    } while (status == SESHA_INTERRUPTED);
  }
  if (status == SESHA_OK) return 0;
  raise_status(status);
  return -1;
}

sesha_message* encode_arguments(const Arguments& arguments) {
  if (arguments.count < 1) {
    PyErr_SetString(PyExc_TypeError, "the function to call is missing");
    return nullptr;
  }
  const Py_ssize_t positional = arguments.count - 1;
  PyObject* args = PyTuple_New(positional);
  if (args == nullptr) return nullptr;
  for (Py_ssize_t index = 0; index < positional; ++index) {
    PyTuple_SET_ITEM(args, index, Py_NewRef(arguments.items[index + 1]));
  }
  PyObject* kwargs = nullptr;
  const Py_ssize_t named = arguments.names == nullptr ? 0 : PyTuple_GET_SIZE(arguments.names);
  if (named > 0) {
    kwargs = PyDict_New();
    for (Py_ssize_t index = 0; kwargs != nullptr && index < named; ++index) {
      if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(arguments.names, index),
                         arguments.items[arguments.count + index]) < 0) {
        Py_CLEAR(kwargs);
      }
    }
    if (kwargs == nullptr) {
      Py_DECREF(args);
      return nullptr;
    }
  }
  sesha_message* message = encode_call(arguments.items[0], args, kwargs);
  Py_DECREF(args);
  Py_XDECREF(kwargs);
  return message;
}

sesha_status call_interpreter(sesha_interpreter* interpreter, sesha_message* request,
                              int64_t deadline, sesha_message** reply) {
  return call_watched(interpreter, request, deadline, reply);
}

PyObject* finish_call(sesha_status status, sesha_message* reply) {
  if (check_interrupted() < 0) {
    sesha_message_free(reply);
    return nullptr;
  }
  if (status == SESHA_OK) return decode_reply(reply);
  sesha_message_free(reply);
  return raise_status(status);
}

void report_death(Dispatcher* dispatcher, sesha_interpreter* interpreter) {
  // Starting a new interpreter may fail in its own way; callers are told of this death.
  const std::string cause = sesha_last_error();
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (sesha_pool_remove(dispatcher->pool, interpreter) == SESHA_OK &&
      dispatcher->on_death != Py_None) {
    PyObject* result =
        PyObject_CallFunction(dispatcher->on_death, "I", sesha_interpreter_index(interpreter));
    if (result == nullptr) PyErr_WriteUnraisable(dispatcher->on_death);
    Py_XDECREF(result);
  }
  PyErr_Restore(type, value, traceback);
  sesha_fail(SESHA_DIED, "%s", cause.c_str());
}

namespace {

struct PoolBase {
  PyObject_HEAD Dispatcher* dispatcher;
};

PyObject* call_in_pool(Dispatcher* dispatcher, const Arguments& arguments, int64_t deadline) {
  if (check_process(dispatcher) < 0) return nullptr;
  sesha_message* request = encode_arguments(arguments);
  if (request == nullptr) return nullptr;
  if (request->target != SESHA_ANY_INTERPRETER) {
    sesha_message_free(request);
    PyErr_SetString(
        PyExc_TypeError,
        "a reference can only be an argument of calls of its own session: use session.run or "
        "session.call, or pass reference.get()");
    return nullptr;
  }
  sesha_slot* slot;
  if (acquire_slot(dispatcher, nullptr, deadline, &slot) < 0) {
    sesha_message_free(request);
    return nullptr;
  }
  sesha_interpreter* interpreter = sesha_slot_interpreter(slot);
  sesha_message* reply = nullptr;
  sesha_status status;
  // The pool outlives the call even if the Dispatcher's last reference goes meanwhile: the caller
  // has one.
  Py_BEGIN_ALLOW_THREADS;
  status = call_interpreter(interpreter, request, deadline, &reply);
  if (status != SESHA_DIED) sesha_slot_release(slot);
  Py_END_ALLOW_THREADS;
  if (status == SESHA_DIED) {
    // Out of the pool before its slot is free, lest another call is sent there.
    report_death(dispatcher, interpreter);
    sesha_slot_release(slot);
  }
  return finish_call(status, reply);
}

Dispatcher* dispatcher_of(PyObject* self) {
  Dispatcher* dispatcher = reinterpret_cast<PoolBase*>(self)->dispatcher;
  if (dispatcher == nullptr)
    PyErr_SetString(PyExc_RuntimeError, "Pool.__init__ was not called or failed");
  return dispatcher;
}

PyObject* pool_run(PyObject* self, PyObject* const* items, Py_ssize_t count, PyObject* names) {
  Dispatcher* dispatcher = dispatcher_of(self);
  if (dispatcher == nullptr) return nullptr;
  return call_in_pool(dispatcher, {items, count, names}, guests::kForever);
}

PyObject* pool_run_within(PyObject* self, PyObject* const* items, Py_ssize_t count,
                          PyObject* names) {
  Dispatcher* dispatcher = dispatcher_of(self);
  if (dispatcher == nullptr) return nullptr;
  if (count < 1) {
    PyErr_SetString(PyExc_TypeError, "the time-out is missing");
    return nullptr;
  }
  const int64_t deadline = deadline_after(items[0]);
  if (deadline == -2) return nullptr;
  return call_in_pool(dispatcher, {items + 1, count - 1, names}, deadline);
}

int pool_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* dispatcher;
  static const char* names[] = {"dispatcher", nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!:PoolBase", const_cast<char**>(names),
                                   dispatcher_type, &dispatcher)) {
    return -1;
  }
  PoolBase* pool = reinterpret_cast<PoolBase*>(self);
  Py_INCREF(dispatcher);
  Py_XSETREF(pool->dispatcher, reinterpret_cast<Dispatcher*>(dispatcher));
  return 0;
}

int pool_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PoolBase*>(self)->dispatcher);
  return 0;
}

int pool_clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<PoolBase*>(self)->dispatcher);
  return 0;
}

void pool_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  pool_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef pool_methods[] = {
    {"run", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(pool_run)),
     METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR(
         "run($self, fn, /, *args, **kwargs)\n--\n\n"
         "Call fn(*args, **kwargs) in a free interpreter, in the calling thread, and return its "
         "result.\n\n"
         "Waits for a free interpreter if there is none; Ctrl-C ends the wait. Thread-safe.\n\n"
         "Raises what fn raises (RemoteError if its type can't be imported here), TypeError if a "
         "value can't\n"
         "cross, QueueFull, InterpreterDied, PoolClosed or ForkedProcessError.")},
    {"_run_within", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(pool_run_within)),
     METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("_run_within($self, timeout, fn, /, *args, **kwargs)\n--\n\nrun with a time limit "
               "in seconds.")},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot pool_slots[] = {{Py_tp_doc, const_cast<char*>("The native base of sesha.Pool.")},
                            {Py_tp_init, reinterpret_cast<void*>(pool_init)},
                            {Py_tp_traverse, reinterpret_cast<void*>(pool_traverse)},
                            {Py_tp_clear, reinterpret_cast<void*>(pool_clear)},
                            {Py_tp_dealloc, reinterpret_cast<void*>(pool_dealloc)},
                            {Py_tp_methods, pool_methods},
                            {0, nullptr}};

PyType_Spec pool_spec = {"sesha._native.PoolBase", sizeof(PoolBase), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, pool_slots};

}  // namespace

int add_pool_base(PyObject* module) {
  pool_base_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&pool_spec));
  if (pool_base_type == nullptr) return -1;
  return PyModule_AddType(module, pool_base_type);
}

int add_pool(PyObject* module) {
  if (add_dispatcher(module) < 0 || add_task(module) < 0 || add_hold(module) < 0) return -1;
  return add_pool_base(module);
}

}  // namespace sesha::binding
