// `sesha._native.Dispatcher`: a pool's slots and queue, seen from Python.
#include <new>
#include <vector>

#include "binding/codec.h"
#include "binding/hold.h"
#include "binding/interpreter.h"
#include "binding/pool.h"
#include "binding/task.h"
#include "guests/semaphore.h"

namespace sesha::binding {

PyTypeObject* dispatcher_type = nullptr;

namespace {

Dispatcher* usable(PyObject* self) {
  Dispatcher* dispatcher = reinterpret_cast<Dispatcher*>(self);
  return check_process(dispatcher) < 0 ? nullptr : dispatcher;
}

/// The interpreter with that index, or null with InterpreterDied set.
sesha_interpreter* find_interpreter(uint32_t index) {
  sesha_interpreter* interpreter = sesha_find_interpreter(index);
  if (interpreter == nullptr) raise_status(sesha_fail(SESHA_DIED, "interpreter %u is gone", index));
  return interpreter;
}

PyObject* dispatcher_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* limit = Py_None;
  PyObject* on_death = Py_None;
  static const char* names[] = {"queue_limit", "on_death", nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:Dispatcher", const_cast<char**>(names),
                                   &limit, &on_death)) {
    return nullptr;
  }
  size_t queue_limit = SIZE_MAX;
  if (limit != Py_None) {
    queue_limit = PyLong_AsSize_t(limit);
    if (PyErr_Occurred()) return nullptr;
  }
  Dispatcher* dispatcher = reinterpret_cast<Dispatcher*>(type->tp_alloc(type, 0));
  if (dispatcher == nullptr) return nullptr;
  dispatcher->fork_generation = sesha_fork_generation();
  dispatcher->on_death = Py_NewRef(on_death);
  dispatcher->pool = sesha_pool_new(queue_limit);
  if (dispatcher->pool == nullptr) {
    Py_DECREF(dispatcher);
    return PyErr_NoMemory();
  }
  return reinterpret_cast<PyObject*>(dispatcher);
}

int dispatcher_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<Dispatcher*>(self)->on_death);
  return 0;
}

int dispatcher_clear(PyObject* self) {
  // Not null: a worker may still report a death.
  Py_SETREF(reinterpret_cast<Dispatcher*>(self)->on_death, Py_NewRef(Py_None));
  return 0;
}

void dispatcher_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Dispatcher* dispatcher = reinterpret_cast<Dispatcher*>(self);
  if (dispatcher->pool != nullptr && dispatcher->fork_generation == sesha_fork_generation()) {
    // Nobody can wait any more; what is queued without a worker would never end.
    sesha_pool_close(dispatcher->pool, 1);
    sesha_pool_release(dispatcher->pool);
  }
  Py_CLEAR(dispatcher->on_death);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* dispatcher_add(PyObject* self, PyObject* args) {
  unsigned int index, threads;
  if (!PyArg_ParseTuple(args, "II:add", &index, &threads)) return nullptr;
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  sesha_interpreter* interpreter = find_interpreter(index);
  if (interpreter == nullptr) return nullptr;
  std::vector<sesha_slot*> slots(threads);
  const sesha_status status = sesha_pool_add(dispatcher->pool, interpreter, threads, slots.data());
  if (status != SESHA_OK) return raise_status(status);
  PyObject* capsules = PyTuple_New(threads);
  for (unsigned int k = 0; capsules != nullptr && k < threads; ++k) {
    PyObject* capsule = PyCapsule_New(slots[k], "sesha_slot", nullptr);
    if (capsule == nullptr)
      Py_CLEAR(capsules);
    else
      PyTuple_SET_ITEM(capsules, k, capsule);
  }
  return capsules;
}

PyObject* dispatcher_remove(PyObject* self, PyObject* index) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  const unsigned long number = PyLong_AsUnsignedLong(index);
  if (PyErr_Occurred()) return nullptr;
  sesha_interpreter* interpreter = find_interpreter(static_cast<uint32_t>(number));
  if (interpreter == nullptr) return nullptr;
  return PyBool_FromLong(sesha_pool_remove(dispatcher->pool, interpreter) == SESHA_OK);
}

PyObject* dispatcher_break_up(PyObject* self, PyObject*) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  sesha_pool_break(dispatcher->pool);
  Py_RETURN_NONE;
}

PyObject* dispatcher_close(PyObject* self, PyObject* cancel) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  const int cancel_pending = PyObject_IsTrue(cancel);
  if (cancel_pending < 0) return nullptr;
  sesha_pool_close(dispatcher->pool, cancel_pending);
  Py_RETURN_NONE;
}

PyObject* dispatcher_drain(PyObject* self, PyObject* timeout) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  const int64_t deadline = deadline_after(timeout);
  if (deadline == -2) return nullptr;
  for (;;) {
    sesha_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = sesha_pool_drain(dispatcher->pool, deadline);
    Py_END_ALLOW_THREADS;
    if (status == SESHA_OK) Py_RETURN_TRUE;
    if (status == SESHA_TIMEOUT) Py_RETURN_FALSE;
    if (status != SESHA_INTERRUPTED) return raise_status(status);
    if (PyErr_CheckSignals() < 0) return nullptr;
  }
}

PyObject* dispatcher_acquire(PyObject* self, PyObject* timeout) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  const int64_t deadline = deadline_after(timeout);
  if (deadline == -2) return nullptr;
  sesha_slot* slot;
  if (acquire_slot(dispatcher, nullptr, deadline, &slot) < 0) return nullptr;
  return hold_object(dispatcher, slot);
}

/// submit(future, index or None, unbounded, fn, args, kwargs)
PyObject* dispatcher_submit(PyObject* self, PyObject* const* items, Py_ssize_t count) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  if (count != 6 || !PyTuple_Check(items[4]) || !PyDict_Check(items[5])) {
    PyErr_SetString(PyExc_TypeError, "submit(future, interpreter, unbounded, fn, args, kwargs)");
    return nullptr;
  }
  sesha_interpreter* pin = nullptr;
  if (items[1] != Py_None) {
    const unsigned long index = PyLong_AsUnsignedLong(items[1]);
    if (PyErr_Occurred()) return nullptr;
    pin = find_interpreter(static_cast<uint32_t>(index));
    if (pin == nullptr) return nullptr;
  }
  sesha_message* request =
      encode_call(items[3], items[4], PyDict_GET_SIZE(items[5]) == 0 ? nullptr : items[5]);
  if (request == nullptr) return nullptr;
  if (request->target != SESHA_ANY_INTERPRETER) {
    sesha_message_free(request);
    PyErr_SetString(
        PyExc_TypeError,
        "a reference can only be an argument of calls of its own session; pass reference.get()");
    return nullptr;
  }
  TaskContext* context = new (std::nothrow) TaskContext{Py_NewRef(items[0]), request};
  if (context == nullptr) {
    Py_DECREF(items[0]);
    sesha_message_free(request);
    return PyErr_NoMemory();
  }
  sesha_request* task;
  const sesha_status status =
      sesha_pool_submit(dispatcher->pool, pin, items[2] == Py_True, context, drop_task, &task);
  if (status != SESHA_OK) {
    free_context(context);
    return raise_status(status);
  }
  return task_object(dispatcher, task, context);
}

PyObject* dispatcher_work(PyObject* self, PyObject* capsule) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  sesha_slot* slot = static_cast<sesha_slot*>(PyCapsule_GetPointer(capsule, "sesha_slot"));
  if (slot == nullptr) return nullptr;
  sesha_interpreter* interpreter = sesha_slot_interpreter(slot);
  for (;;) {
    void* pointer = nullptr;
    sesha_message* reply = nullptr;
    sesha_status status;
    bool more;
    Py_BEGIN_ALLOW_THREADS;
    more = sesha_slot_next_task(slot, &pointer) == SESHA_OK;
    if (more) {
      TaskContext* context = static_cast<TaskContext*>(pointer);
      sesha_message* request = context->request;
      context->request = nullptr;
      status = call_interpreter(interpreter, request, guests::kForever, &reply);
    }
    Py_END_ALLOW_THREADS;
    if (!more) Py_RETURN_NONE;
    if (status == SESHA_DIED) report_death(dispatcher, interpreter);
    deliver(static_cast<TaskContext*>(pointer), status, interpreter, reply);
  }
}

/// call_beside(index, fn, args, kwargs): a short call that needs no slot.
PyObject* dispatcher_call_beside(PyObject* self, PyObject* args) {
  unsigned int index;
  PyObject *fn, *arguments, *keywords;
  if (!PyArg_ParseTuple(args, "IOO!O!:call_beside", &index, &fn, &PyTuple_Type, &arguments,
                        &PyDict_Type, &keywords)) {
    return nullptr;
  }
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  sesha_interpreter* interpreter = find_interpreter(index);
  if (interpreter == nullptr) return nullptr;
  sesha_message* request =
      encode_call(fn, arguments, PyDict_GET_SIZE(keywords) == 0 ? nullptr : keywords);
  if (request == nullptr) return nullptr;
  sesha_status status = sesha_pool_visit(dispatcher->pool, interpreter);
  if (status != SESHA_OK) {
    sesha_message_free(request);
    return raise_status(status);
  }
  sesha_message* reply = nullptr;
  Py_BEGIN_ALLOW_THREADS;
  status = call_interpreter(interpreter, request, guests::kForever, &reply);
  sesha_pool_leave(dispatcher->pool);
  Py_END_ALLOW_THREADS;
  if (status == SESHA_DIED) report_death(dispatcher, interpreter);
  return finish_call(status, reply);
}

PyObject* dispatcher_statistics(PyObject* self, PyObject*) {
  Dispatcher* dispatcher = usable(self);
  if (dispatcher == nullptr) return nullptr;
  sesha_pool_statistics read;
  sesha_pool_read_statistics(dispatcher->pool, &read);
  return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "interpreters",
                       read.interpreters, "busy", read.busy, "idle", read.idle, "queued",
                       read.queued, "started", read.started, "finished", read.finished, "cancelled",
                       read.cancelled, "timed_out", read.timed_out, "rejected", read.rejected,
                       "failed", read.failed);
}

PyObject* dispatcher_forked(PyObject* self, void*) {
  return PyBool_FromLong(reinterpret_cast<Dispatcher*>(self)->fork_generation !=
                         sesha_fork_generation());
}

PyMethodDef dispatcher_methods[] = {
    {"add", dispatcher_add, METH_VARARGS,
     PyDoc_STR("add($self, interpreter, threads, /)\n--\n\nAdd slots of an interpreter; return "
               "them for work().")},
    {"remove", dispatcher_remove, METH_O,
     PyDoc_STR(
         "remove($self, interpreter, /)\n--\n\nTake an interpreter out; False if it was not in.")},
    {"break_up", dispatcher_break_up, METH_NOARGS,
     PyDoc_STR("break_up($self)\n--\n\nFail all requests with InterpreterDied until an interpreter "
               "is added.")},
    {"close", dispatcher_close, METH_O,
     PyDoc_STR("close($self, cancel_pending, /)\n--\n\nRefuse requests from now on.")},
    {"drain", dispatcher_drain, METH_O,
     PyDoc_STR("drain($self, timeout, /)\n--\n\nWait until nothing runs or waits; False when time "
               "is up.")},
    {"acquire", dispatcher_acquire, METH_O,
     PyDoc_STR("acquire($self, timeout, /)\n--\n\nWait for a slot and return it as a Hold.")},
    {"submit", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(dispatcher_submit)),
     METH_FASTCALL,
     PyDoc_STR("submit($self, future, interpreter, unbounded, fn, args, kwargs, /)\n--\n\nQueue a "
               "call; return a Task.")},
    {"work", dispatcher_work, METH_O,
     PyDoc_STR(
         "work($self, slot, /)\n--\n\nRun the tasks that come to a slot, until no more can come.")},
    {"call_beside", dispatcher_call_beside, METH_VARARGS,
     PyDoc_STR("call_beside($self, interpreter, fn, args, kwargs, /)\n--\n\nMake a short call "
               "without a slot.")},
    {"statistics", dispatcher_statistics, METH_NOARGS,
     PyDoc_STR("statistics($self)\n--\n\nCounts, as a dict.")},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef dispatcher_getset[] = {
    {"forked", dispatcher_forked, nullptr,
     PyDoc_STR("Whether this process was forked off the pool's."), nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot dispatcher_slots[] = {{Py_tp_doc, const_cast<char*>("Slots and queue of a pool.")},
                                  {Py_tp_new, reinterpret_cast<void*>(dispatcher_new)},
                                  {Py_tp_traverse, reinterpret_cast<void*>(dispatcher_traverse)},
                                  {Py_tp_clear, reinterpret_cast<void*>(dispatcher_clear)},
                                  {Py_tp_dealloc, reinterpret_cast<void*>(dispatcher_dealloc)},
                                  {Py_tp_methods, dispatcher_methods},
                                  {Py_tp_getset, dispatcher_getset},
                                  {0, nullptr}};

PyType_Spec dispatcher_spec = {"sesha._native.Dispatcher", sizeof(Dispatcher), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, dispatcher_slots};

/// call_interpreter(index, fn, args): for an interpreter that is in no pool yet.
PyObject* call_interpreter_directly(PyObject*, PyObject* args) {
  unsigned int index;
  PyObject *fn, *arguments;
  if (!PyArg_ParseTuple(args, "IOO!:call_interpreter", &index, &fn, &PyTuple_Type, &arguments))
    return nullptr;
  sesha_interpreter* interpreter = find_interpreter(index);
  if (interpreter == nullptr) return nullptr;
  sesha_message* request = encode_call(fn, arguments, nullptr);
  if (request == nullptr) return nullptr;
  sesha_message* reply = nullptr;
  sesha_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = call_interpreter(interpreter, request, guests::kForever, &reply);
  Py_END_ALLOW_THREADS;
  return finish_call(status, reply);
}

PyObject* current_interpreter(PyObject*, PyObject*) {
  const sesha_interpreter* interpreter = this_interpreter();
  return PyLong_FromUnsignedLong(interpreter == nullptr ? 0 : sesha_interpreter_index(interpreter));
}

PyMethodDef functions[] = {
    {"call_interpreter", call_interpreter_directly, METH_VARARGS,
     PyDoc_STR("call_interpreter(index, fn, args, /)\n--\n\nCall in an interpreter that no other "
               "thread can stop.")},
    {"current_interpreter", current_interpreter, METH_NOARGS,
     PyDoc_STR(
         "current_interpreter()\n--\n\nIndex of the interpreter that runs this; 0 is the host.")},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

int add_dispatcher(PyObject* module) {
  dispatcher_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&dispatcher_spec));
  if (dispatcher_type == nullptr || PyModule_AddFunctions(module, functions) < 0) return -1;
  return PyModule_AddType(module, dispatcher_type);
}

}  // namespace sesha::binding
