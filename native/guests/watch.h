// The watch: one thread of the process that interrupts calls whose time is over or whose user
// pressed Ctrl-C.
//
// **Guarantees:** a watched call whose deadline passes is interrupted (sesha_binding.interrupt,
// kind 1), and again every second until it ends, since Python code may catch what is raised. After
// sesha_watch_end the watch never touches the call again; an interrupt that is under way by then is
// for that call's serial and hits no other.
// **This code assumes:** whoever begins and ends a watch may hold a GIL: neither waits for one. The
// thread starts with the first watch and is never joined. A child of fork() has no such thread; its
// calls fail before they get here.
#ifndef SESHA_GUESTS_WATCH_H_
#define SESHA_GUESTS_WATCH_H_

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A call under watch; lives on its thread's stack.
typedef struct sesha_watched {
  sesha_interpreter* interpreter;
  unsigned long thread;  ///< pthread_self() of the thread that runs it
  uint64_t serial;
  int64_t deadline;  ///< nanoseconds of CLOCK_MONOTONIC; negative for none
  struct sesha_watched* previous;
  struct sesha_watched* next;
} sesha_watched;

/// A number that no other call has, never 0.
SESHA_API uint64_t sesha_next_serial(void);
SESHA_API void sesha_watch_begin(sesha_watched* call);
SESHA_API void sesha_watch_end(sesha_watched* call);

/// Async-signal-safe: has the watch call `sesha_watch_signal_function` soon.
SESHA_API void sesha_watch_signal(void);
/// What the watch does when a signal came, in its own thread and without a lock or a GIL. Starts
/// the watch.
SESHA_API void sesha_watch_set_signal_function(void (*function)(void));

#ifdef __cplusplus
}
#endif
#endif  // SESHA_GUESTS_WATCH_H_
