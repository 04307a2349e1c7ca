// SIGCHLD, of which every interpreter must hear: a process has one handler for it, and each
// interpreter's copy of an event loop (libuv) sets its own.
//
// **Guarantees:** the handler that a guest sets is called for every SIGCHLD until the guest sets
// another or ends, whatever other guests set; so is the one that the process had before. If the
// host's own code sets a handler later, it gets the signal at once and guests no later than a tenth
// of a second after. What a guest sets never reaches the process: SIG_IGN there does not reap other
// interpreters' children.
//
// **This code assumes:** handlers take a signal that stands for no child of theirs, as POSIX asks
// of them: signals merge. A child of fork() has no thread that looks after the host's handler.
#ifndef SESHA_GUESTS_CHILD_SIGNALS_H_
#define SESHA_GUESTS_CHILD_SIGNALS_H_

#include <signal.h>

#include "sesha.h"

namespace sesha::guests {

/// sigaction(SIGCHLD) for a guest; `action` and `old` may be null. Thread-safe; returns 0.
int set_child_action(const sesha_interpreter* guest, const struct sigaction* action,
                     struct sigaction* old);

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_CHILD_SIGNALS_H_
