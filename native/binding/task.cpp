#include "binding/task.h"

namespace sesha::binding {

PyTypeObject* task_type = nullptr;

void free_context(TaskContext* context) {
  sesha_message_free(context->request);
  Py_XDECREF(context->future);
  delete context;
}

void drop_task(void* pointer, sesha_status why) {
  TaskContext* context = static_cast<TaskContext*>(pointer);
  const PyGILState_STATE state = PyGILState_Ensure();
  PyObject* result = PyObject_CallMethod(
      context->future, why == SESHA_DIED ? "_fail_unrun" : "_cancel_unrun", nullptr);
  if (result == nullptr) PyErr_WriteUnraisable(context->future);
  Py_XDECREF(result);
  free_context(context);
  PyGILState_Release(state);
}

void deliver(TaskContext* context, sesha_status status, sesha_interpreter*, sesha_message* reply) {
  PyObject* value = finish_call(status, reply);
  PyObject* result;
  if (value != nullptr) {
    result = PyObject_CallMethod(context->future, "set_result", "(O)", value);
    Py_DECREF(value);
  } else {
    PyObject *type, *exception, *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    if (traceback != nullptr) PyException_SetTraceback(exception, traceback);
    result = PyObject_CallMethod(context->future, "set_exception", "(O)", exception);
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
  }
  if (result == nullptr) PyErr_WriteUnraisable(context->future);
  Py_XDECREF(result);
  free_context(context);
}

namespace {

/// `context` is valid only for who took the task out of the queue.
struct Task {
  PyObject_HEAD sesha_request* request;
  TaskContext* context;
  uint64_t fork_generation;
};

bool forked(const Task* task) { return task->fork_generation != sesha_fork_generation(); }

PyObject* task_cancel(PyObject* self, PyObject*) {
  Task* task = reinterpret_cast<Task*>(self);
  if (forked(task) || sesha_request_cancel(task->request) == 0) Py_RETURN_FALSE;
  free_context(task->context);
  Py_RETURN_TRUE;
}

PyObject* task_state(PyObject* self, void*) {
  Task* task = reinterpret_cast<Task*>(self);
  static const char* const names[] = {"queued", "running", "finished", "cancelled", "failed"};
  const sesha_request_state state =
      forked(task) ? SESHA_REQUEST_FAILED : sesha_request_read_state(task->request);
  return PyUnicode_FromString(names[state]);
}

void task_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Task* task = reinterpret_cast<Task*>(self);
  if (!forked(task)) sesha_request_release(task->request);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMethodDef task_methods[] = {{"cancel", task_cancel, METH_NOARGS,
                               PyDoc_STR("cancel($self)\n--\n\nTake the task out of the queue: "
                                         "True for the one call that did it.")},
                              {nullptr, nullptr, 0, nullptr}};

PyGetSetDef task_getset[] = {
    {"state", task_state, nullptr,
     PyDoc_STR("'queued', 'running', 'finished', 'cancelled' or 'failed'."), nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot task_slots[] = {{Py_tp_doc, const_cast<char*>("A queued call.")},
                            {Py_tp_dealloc, reinterpret_cast<void*>(task_dealloc)},
                            {Py_tp_methods, task_methods},
                            {Py_tp_getset, task_getset},
                            {0, nullptr}};

PyType_Spec task_spec = {"sesha._native.Task", sizeof(Task), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, task_slots};

}  // namespace

PyObject* task_object(Dispatcher* dispatcher, sesha_request* request, TaskContext* context) {
  Task* task = PyObject_New(Task, task_type);
  if (task == nullptr) {
    sesha_request_release(request);
    return nullptr;
  }
  task->request = request;
  task->context = context;
  task->fork_generation = dispatcher->fork_generation;
  return reinterpret_cast<PyObject*>(task);
}

int add_task(PyObject* module) {
  task_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&task_spec));
  if (task_type == nullptr) return -1;
  return PyModule_AddType(module, task_type);
}

}  // namespace sesha::binding
