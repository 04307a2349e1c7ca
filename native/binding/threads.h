// How an OS thread gets into this interpreter and out again.
//
// **Guarantees:** a thread keeps its thread state between calls and gives it back when the thread
// ends; a thread that Python made, or that is inside already, uses the one that it has. Once
// close_door() has returned, nobody is inside and nobody gets in: enter() fails from then on, also
// for threads that end later.
// **This code assumes:** whoever calls enter() holds no GIL at all, or has let go of the one it had
// (PyEval_SaveThread), so that nobody waits for one GIL while holding another.
#ifndef SESHA_BINDING_THREADS_H_
#define SESHA_BINDING_THREADS_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace sesha::binding {

/// Waits for this interpreter's GIL. False, without it, when the interpreter is closed.
bool enter();
/// Gives the GIL back.
void leave();
/// After the interpreter died in this thread: gives its GIL back if this thread holds it, so that
/// others may go on.
void leave_dead();
/// Makes enter() fail and waits until everyone has left.
void close_door();

/// Finds the key under which Python keeps each thread's own state (PyGILState_*): the one that
/// holds the state of this thread, which has just started the interpreter and run nothing else in
/// it.
void find_state_key();
/// Remembers the state in which the interpreter was started; its thread may end.
void keep_main_state(PyThreadState* state);
/// Enters, to end the interpreter, in that state and makes it the calling thread's own, also for
/// PyGILState_*. Needs a closed door. From another state Python 3.13 frees the one that it runs in:
/// it takes the main one for the finalizing one, whichever thread ends the interpreter.
void take_main_state();

/// The call that this thread runs here, for interrupt(). Calls nest.
struct RunningCall {
  RunningCall* outer = nullptr;
  uint64_t serial = 0;
  unsigned long thread = 0;
  bool interrupted = false;
};
/// Both need the GIL.
void begin_call(RunningCall& call, uint64_t serial);
void end_call(RunningCall& call);
/// Raises `exception` in the thread's Python code if it runs call `serial` (0: whichever it runs).
/// Needs the GIL.
bool interrupt_call(unsigned long thread, uint64_t serial, PyObject* exception);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_THREADS_H_
