// Calls that a worker thread makes: the context of a queued task.
#ifndef SESHA_BINDING_TASK_H_
#define SESHA_BINDING_TASK_H_

#include "binding/pool.h"

namespace sesha::binding {

/// What a queued task carries. Freed by the worker that ran it, by `drop_task`, or by who cancelled
/// it.
struct TaskContext {
  PyObject* future;  ///< a sesha.runtime.futures.CallFuture; owned
  sesha_message* request;
};

/// Frees the context; needs the GIL.
void free_context(TaskContext* context);
/// For sesha_pool_submit: tells the future that its call will not run. Takes the GIL.
void drop_task(void* context, sesha_status why);
/// `sesha._native.Task` for `request`, whose reference it takes over also on failure.
PyObject* task_object(Dispatcher* dispatcher, sesha_request* request, TaskContext* context);
/// Gives the outcome of the call to the future and frees the context. Takes over `reply`.
void deliver(TaskContext* context, sesha_status status, sesha_interpreter* interpreter,
             sesha_message* reply);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_TASK_H_
