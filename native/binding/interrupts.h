// Ctrl-C and time-outs reach the Python code that a call runs in another interpreter.
//
// **Guarantees:** while the host's main thread is in a call, SIGINT raises KeyboardInterrupt in
// that call's Python code if the host's own handler is Python's default, and only then. The host's
// handler gets the signal in every case.
// **This code assumes:** it runs in the host's binding, whose handler of SIGINT, if it is replaced
// later, is not asked again until the next call.
#ifndef SESHA_BINDING_INTERRUPTS_H_
#define SESHA_BINDING_INTERRUPTS_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "exchange/message.h"
#include "guests/watch.h"

namespace sesha::binding {

/// Calls `interpreter`, within `deadline` (negative: no limit) and so that Ctrl-C ends it. Without
/// any GIL.
sesha_status call_watched(sesha_interpreter* interpreter, sesha_message* request, int64_t deadline,
                          sesha_message** reply);
/// With the host's GIL, after a call of the main thread: -1 with KeyboardInterrupt if Ctrl-C ended
/// it.
int check_interrupted();

}  // namespace sesha::binding

#endif  // SESHA_BINDING_INTERRUPTS_H_
