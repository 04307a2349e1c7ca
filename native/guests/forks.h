// fork() and the handlers around it, of which each interpreter has its own.
//
// **Guarantees:** what a guest's libraries register with pthread_atfork() runs when code of that
// guest forks, in the order that POSIX asks for, and never when the host or another guest forks:
// there it could wait for the guest's GIL, or for a lock of its libraries, which in the child
// nobody would ever release.
//
// **This code assumes:** a forked child uses the interpreter that forked it, and none of the
// others.
#ifndef SESHA_GUESTS_FORKS_H_
#define SESHA_GUESTS_FORKS_H_

#include <sys/types.h>

#include "sesha.h"

namespace sesha::guests {

using ForkHandler = void (*)();

/// pthread_atfork() for a guest; any handler may be null. Thread-safe; returns 0.
int add_fork_handlers(const sesha_interpreter* guest, ForkHandler prepare, ForkHandler parent,
                      ForkHandler child);

/// fork() for a guest; null for code that belongs to none.
pid_t fork_from(const sesha_interpreter* guest);

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_FORKS_H_
