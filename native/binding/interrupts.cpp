#include "binding/interrupts.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "binding/interpreter.h"
#include "binding/threads.h"

namespace sesha::binding {
namespace {

/// The call that the main thread is in.
std::atomic<sesha_interpreter*> main_interpreter{nullptr};
std::atomic<uint64_t> main_serial{0};
std::atomic<unsigned long> main_thread{0};
std::atomic<bool> interrupted{false};

/// The handler that was there before, mostly the host's Python's.
struct sigaction before = {};

void on_interrupt(int number, siginfo_t* information, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, information, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  }
  if (main_interpreter.load() != nullptr) sesha_watch_signal();
}

/// Whether Ctrl-C is to raise KeyboardInterrupt: it is the program's to say, with signal.signal().
bool host_has_default_handler() {
  bool found = false;
  if (!enter()) return false;
  PyObject* module = PyImport_ImportModule("signal");
  PyObject* current =
      module != nullptr ? PyObject_CallMethod(module, "getsignal", "i", SIGINT) : nullptr;
  PyObject* standard =
      module != nullptr ? PyObject_GetAttrString(module, "default_int_handler") : nullptr;
  found = current != nullptr && current == standard;
  Py_XDECREF(module);
  Py_XDECREF(current);
  Py_XDECREF(standard);
  PyErr_Clear();
  leave();
  return found;
}

void interrupt_main_call() {
  if (!host_has_default_handler()) return;
  const uint64_t serial = main_serial;
  sesha_interpreter* interpreter = main_interpreter;
  if (interpreter == nullptr || serial == 0) return;
  interrupted = true;
  sesha_interpreter_binding(interpreter)->interrupt(interpreter, main_thread, serial, 0);
}

/// Puts our handler in front of the one that is installed. Python installs its own anew with each
/// signal.signal().
void take_signal() {
  struct sigaction now = {};
  if (sigaction(SIGINT, nullptr, &now) != 0) return;
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_interrupt) return;
  // Without a handler Ctrl-C ends the process, or is ignored, as it should.
  if ((now.sa_flags & SA_SIGINFO) == 0 && (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN))
    return;
  sesha_watch_set_signal_function(interrupt_main_call);
  before = now;
  struct sigaction ours = now;
  ours.sa_sigaction = on_interrupt;
  ours.sa_flags |= SA_SIGINFO;
  sigaction(SIGINT, &ours, nullptr);
}

bool is_main_thread() {
  thread_local const bool answer = syscall(SYS_gettid) == getpid();
  return answer;
}

bool is_host() { return sesha_interpreter_index(this_interpreter()) == 0; }

}  // namespace

sesha_status call_watched(sesha_interpreter* interpreter, sesha_message* request, int64_t deadline,
                          sesha_message** reply) {
  const sesha_binding* binding = sesha_interpreter_binding(interpreter);
  const bool main_call = is_main_thread() && is_host();
  if (deadline < 0 && !main_call) return binding->call(interpreter, request, reply);
  request->serial = sesha_next_serial();
  sesha_watched watched{interpreter, pthread_self(), request->serial, deadline, nullptr, nullptr};
  sesha_interpreter* outer = main_interpreter;
  const uint64_t outer_serial = main_serial;
  if (main_call) {
    take_signal();
    main_thread = watched.thread;
    main_serial = watched.serial;
    main_interpreter = interpreter;
  }
  if (deadline >= 0) sesha_watch_begin(&watched);
  const sesha_status status = binding->call(interpreter, request, reply);
  if (deadline >= 0) sesha_watch_end(&watched);
  if (main_call) {
    main_interpreter = outer;
    main_serial = outer_serial;
  }
  return status;
}

int check_interrupted() {
  if (!is_main_thread() || !interrupted.exchange(false)) return 0;
  return PyErr_CheckSignals();
}

}  // namespace sesha::binding
