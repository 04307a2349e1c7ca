#include "binding/threads.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <optional>
#include <vector>

namespace sesha::binding {
namespace {

std::atomic<int64_t> inside{0};
std::atomic<bool> closed{false};

bool pass_door() {
  inside.fetch_add(1, std::memory_order_seq_cst);
  if (!closed.load(std::memory_order_seq_cst)) return true;
  inside.fetch_sub(1, std::memory_order_seq_cst);
  return false;
}

void return_through_door() { inside.fetch_sub(1, std::memory_order_seq_cst); }

/// This thread's state in this interpreter.
class ThreadState {
 public:
  ~ThreadState() {
    if (!owned_ || !pass_door()) return;
    PyEval_RestoreThread(state_);
    PyThreadState_Clear(state_);
    PyThreadState_DeleteCurrent();
    return_through_door();
  }
  void take() {
    if (state_ != nullptr) {
      PyEval_RestoreThread(state_);
      return;
    }
    if (PyThreadState* existing = PyGILState_GetThisThreadState()) {
      // Python's own thread: its state is not ours to keep, for it ends before this object does.
      PyEval_RestoreThread(existing);
      return;
    }
    // The only way to a state that PyGILState_* knows too. It is never released, so its count never
    // returns to zero.
    PyGILState_Ensure();
    state_ = PyThreadState_Get();
    owned_ = true;
  }

 private:
  PyThreadState* state_ = nullptr;
  bool owned_ = false;
};

thread_local ThreadState this_thread;
/// The state in which the interpreter was started.
PyThreadState* main_state = nullptr;
/// Where Python keeps each thread's own state for PyGILState_*, private to it.
std::optional<pthread_key_t> state_key;
thread_local RunningCall* innermost = nullptr;
/// The innermost calls of all threads; guarded by the GIL.
std::vector<RunningCall*> running;

}  // namespace

bool enter() {
  if (!pass_door()) return false;
  this_thread.take();
  return true;
}

void leave() {
  PyEval_SaveThread();
  return_through_door();
}

void leave_dead() {
  if (PyGILState_Check() != 0) PyEval_SaveThread();
  return_through_door();
}

void close_door() {
  closed.store(true, std::memory_order_seq_cst);
  while (inside.load(std::memory_order_seq_cst) > 0) sched_yield();
}

void find_state_key() {
  PyThreadState* state = PyThreadState_Get();
  for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; ++key) {
    if (pthread_getspecific(key) == state) state_key = key;
  }
}

void keep_main_state(PyThreadState* state) { main_state = state; }

void take_main_state() {
  main_state->thread_id = PyThread_get_thread_ident();
  if (state_key.has_value()) pthread_setspecific(*state_key, main_state);
  PyEval_RestoreThread(main_state);
}

void begin_call(RunningCall& call, uint64_t serial) {
  call.outer = innermost;
  call.serial = serial;
  call.thread = pthread_self();
  innermost = &call;
  running.push_back(&call);
}

void end_call(RunningCall& call) {
  std::erase(running, &call);
  innermost = call.outer;
  // An interrupt that came too late must not hit the next call.
  if (call.interrupted) PyThreadState_SetAsyncExc(call.thread, nullptr);
}

bool interrupt_call(unsigned long thread, uint64_t serial, PyObject* exception) {
  for (RunningCall* call : running) {
    if (call->thread != thread || (serial != 0 && call->serial != serial)) continue;
    call->interrupted = true;
    return PyThreadState_SetAsyncExc(thread, exception) == 1;
  }
  return false;
}

}  // namespace sesha::binding
